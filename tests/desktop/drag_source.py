"""A small window at X Y on top of all others, from which files can be dragged: drag_source.py X Y FILE…

Prints "ready" when it is on the screen and "ended" when the files were taken. Stands for the file manager in the real-window tests.
"""

import pathlib
import sys

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

x, y = int(sys.argv[1]), int(sys.argv[2])
uris = [pathlib.Path(name).resolve().as_uri() for name in sys.argv[3:]]

# A popup is placed exactly where it is asked to be: the window manager has no say.
window = Gtk.Window(type=Gtk.WindowType.POPUP)
window.set_default_size(60, 40)
window.move(x - 30, y - 20)
handle = Gtk.EventBox()
handle.add(Gtk.Label(label="files"))
handle.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
handle.drag_source_add_uri_targets()
handle.connect("drag-data-get", lambda _widget, _context, data, _info, _time: data.set_uris(uris))
handle.connect("drag-end", lambda *_: print("ended", flush=True))
window.add(handle)


def shown(*_):
    GLib.idle_add(lambda: print("ready", flush=True))


window.connect("map-event", shown)
window.show_all()
Gtk.main()

import { mount } from "svelte";
import { api } from "./api";
import App from "./App.svelte";
import "./styles/base.css";

// The webview's own console is nobody's to read: errors go to the app's log.
addEventListener("error", (e) => void api.reportError(`${e.message} (${e.filename}:${e.lineno})`));
addEventListener("unhandledrejection", (e) => void api.reportError(`unhandled: ${e.reason instanceof Error ? (e.reason.stack ?? e.reason.message) : JSON.stringify(e.reason)}`));

const target = document.getElementById("app");
if (!target) throw new Error("the page has no #app");
mount(App, { target });

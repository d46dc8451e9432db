//! The app under test: started by WebKit's WebDriver, found by the roles and names that its pages give.

use std::fmt::Display;
use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream};

use anyhow::Result;
use commonplace_tests::desk::{Desk, desktop_binary, wait_for};
use commonplace_tests::processes::Group;
use thirtyfour::prelude::*;
use thirtyfour::{Capabilities, Key};

/// The main window's title.
pub(crate) const MAIN_TITLE: &str = "^Commonplace$";

/// What a start ends with: the choice of how to begin, or the tabs.
const FIRST_SHOWN: &str = "main.first, [role=tablist]";

/// The query bar of the tab in front.
pub(crate) const QUERY_BAR: &str =
    "[role=tabpanel]:not([hidden]) [role=combobox][aria-label=Search]";

/// A page of the app; each has its own window, hidden or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Main,
    Quick,
}

/// The visible elements for the selector in the script's first argument. WebDriver's own notions of what is displayed
/// and of its text leave out what ends in an ellipsis.
const VISIBLE: &str =
    "[...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())";

pub(crate) struct App<'a> {
    desk: &'a Desk,
    // A failing test must not wait for the session to end by itself: the group is killed instead.
    driver: ManuallyDrop<WebDriver>,
    group: Group,
}

impl<'a> App<'a> {
    /// Starts the app on the desk's data folder and waits for what its main window shows first.
    pub(crate) async fn start(desk: &'a Desk) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = desk.command("WebKitWebDriver");
        server.args([format!("--port={port}"), "--host=127.0.0.1".to_owned()]);
        server.env("TAURI_WEBVIEW_AUTOMATION", "true").env("RUST_BACKTRACE", "1");
        let group = Group::start(&mut server, &desk.artefact("app.log"))?;
        wait_for("WebKitWebDriver", async || Ok(TcpStream::connect(("127.0.0.1", port)).ok()))
            .await?;

        let mut capabilities = Capabilities::new();
        let options =
            serde_json::json!({ "binary": desktop_binary()?, "args": ["--data", desk.data()] });
        capabilities.set("webkitgtk:browserOptions", options)?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        let app = Self { desk, driver: ManuallyDrop::new(driver), group };
        app.look_at(Page::Main).await?;
        app.find(FIRST_SHOWN).await?;
        Ok(app)
    }

    /// Closes the main window as its user would and waits until the app is gone.
    pub(crate) async fn close(self) -> Result<()> {
        self.desk.focus(MAIN_TITLE).await?;
        self.desk.press("alt+F4")?;
        let data = self.desk.data().into_os_string().into_encoded_bytes();
        self.wait_for("the app's end", async || {
            let running = std::fs::read_dir("/proc")?.flatten().any(|process| {
                let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                line.windows(data.len()).any(|part| part == data)
            });
            Ok((!running).then_some(()))
        })
        .await?;
        // The driver's session ended with the app; its process ends here.
        drop(self.group);
        Ok(())
    }

    /// Makes the window that shows `page` the one that is looked at.
    pub(crate) async fn look_at(&self, page: Page) -> Result<()> {
        wait_for(format!("the page {page:?}"), async || {
            for handle in self.driver.windows().await? {
                self.driver.switch_to_window(handle).await?;
                let address = self.driver.current_url().await?;
                let quick = address.path().ends_with("quick.html");
                if address.scheme() == "tauri" && quick == (page == Page::Quick) {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Looks again until `look` gives something; a failure leaves a picture.
    pub(crate) async fn wait_for<T>(
        &self,
        what: impl Display,
        look: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let found = wait_for(what, look).await;
        if found.is_err() {
            self.desk.picture("failed")?;
        }
        found
    }

    /// The first visible element that a CSS selector finds, as soon as there is one.
    pub(crate) async fn find(&self, css: &str) -> Result<WebElement> {
        self.wait_for(css, async || Ok(self.visible(css).await?.into_iter().next())).await
    }

    /// The visible elements that a CSS selector finds now.
    pub(crate) async fn visible(&self, css: &str) -> Result<Vec<WebElement>> {
        Ok(self.driver.execute(format!("return {VISIBLE}"), [css.into()]).await?.elements()?)
    }

    /// What the visible elements that a CSS selector finds now say.
    pub(crate) async fn texts(&self, css: &str) -> Result<Vec<String>> {
        let script =
            format!("return {VISIBLE}.map((e) => e.textContent.replaceAll(/\\s+/g, ' ').trim())");
        Ok(self.driver.execute(script, [css.into()]).await?.convert()?)
    }

    /// Waits until one of the visible elements contains `text` and gives it.
    pub(crate) async fn find_text(&self, css: &str, text: &str) -> Result<WebElement> {
        let found = self.wait_for(format!("{text:?} in {css}"), async || {
            let at = self.texts(css).await?.iter().position(|shown| shown.contains(text));
            Ok(match at {
                Some(at) => self.visible(css).await?.into_iter().nth(at),
                None => None,
            })
        });
        match found.await {
            Ok(element) => Ok(element),
            Err(error) => {
                let shown = self.texts(css).await?;
                Err(error.context(format!("shown were {shown:?}")))
            }
        }
    }

    /// Replaces what is in the visible query bar, key by key.
    pub(crate) async fn search(&self, query: &str) -> Result<()> {
        let bar = self.find(QUERY_BAR).await?;
        bar.click().await?;
        bar.send_keys(Key::Control + "a").await?;
        bar.send_keys(query).await?;
        Ok(())
    }

    /// Keeps a picture of the whole screen, once what the page holds now is also painted.
    pub(crate) async fn picture(&self, step: &str) -> Result<()> {
        let painted = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";
        self.driver.execute_async(painted, Vec::new()).await?;
        self.desk.picture(step)
    }

    /// What stands in the input or text field that a CSS selector finds.
    pub(crate) async fn value(&self, css: &str) -> Result<String> {
        Ok(self.find(css).await?.prop("value").await?.unwrap_or_default())
    }
}

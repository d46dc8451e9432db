//! The journeys.

use anyhow::Result;

use crate::app::App;
use crate::desk::Desk;

/// A desk, or `None` with the reason printed.
fn desk(name: &str) -> Result<Option<Desk>> {
    match Desk::open(name)? {
        Ok(desk) => Ok(Some(desk)),
        Err(why) => {
            println!("skipped: {why}");
            Ok(None)
        }
    }
}

#[tokio::test]
async fn the_window_opens() -> Result<()> {
    let Some(desk) = desk("opens")? else { return Ok(()) };
    let app = App::start(&desk).await?;
    app.find("[data-testid=query-bar]").await?;
    desk.picture("opened")?;
    app.quit().await
}

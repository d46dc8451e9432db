//! When background work holds back: while the person types, while notes pour in, and on battery.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use starship_battery::{Manager, State};

/// A person who has not typed for this long is taken to be reading.
const TYPING: Duration = Duration::from_millis(800);
/// An import whose notes came in bulk this long ago is taken to go on.
const FLOOD: Duration = Duration::from_secs(1);
/// The system is asked for its power source at most this often.
pub(crate) const POWER_INTERVAL: Duration = Duration::from_secs(20);

pub(crate) struct Manners {
    /// Do not hold back: somebody waits for the work to be done.
    eager: bool,
    /// The person does not mind what it takes from the battery.
    battery_allowed: AtomicBool,
    typed: Mutex<Option<Instant>>,
    flooded: Mutex<Option<Instant>>,
    power: Mutex<Option<(Instant, bool)>>,
}

impl Manners {
    pub(crate) fn new(eager: bool, battery_allowed: bool) -> Manners {
        let battery_allowed = AtomicBool::new(battery_allowed);
        Manners {
            eager,
            battery_allowed,
            typed: Mutex::default(),
            flooded: Mutex::default(),
            power: Mutex::default(),
        }
    }

    pub(crate) fn allow_battery(&self, allowed: bool) {
        self.battery_allowed.store(allowed, Ordering::Relaxed);
    }

    /// The person pressed a key.
    pub(crate) fn typed(&self) {
        *self.typed.lock().expect("no panic while held") = Some(Instant::now());
    }

    pub(crate) fn is_typing(&self) -> bool {
        let typed = *self.typed.lock().expect("no panic while held");
        !self.eager && typed.is_some_and(|typed| typed.elapsed() < TYPING)
    }

    /// Many notes came at once.
    pub(crate) fn flooded(&self) {
        *self.flooded.lock().expect("no panic while held") = Some(Instant::now());
    }

    /// More of them are to be expected, which want both cores.
    pub(crate) fn is_flooded(&self) -> bool {
        let flooded = *self.flooded.lock().expect("no panic while held");
        flooded.is_some_and(|flooded| flooded.elapsed() < FLOOD)
    }

    /// False where the system does not tell.
    pub(crate) fn on_battery(&self) -> bool {
        if self.eager || self.battery_allowed.load(Ordering::Relaxed) {
            return false;
        }
        let mut power = self.power.lock().expect("no panic while held");
        match *power {
            Some((asked, discharging)) if asked.elapsed() < POWER_INTERVAL => discharging,
            _ => {
                let discharging = is_discharging().unwrap_or(false);
                *power = Some((Instant::now(), discharging));
                discharging
            }
        }
    }
}

fn is_discharging() -> Result<bool, starship_battery::Error> {
    let batteries = Manager::new()?.batteries()?;
    Ok(batteries.flatten().any(|battery| battery.state() == State::Discharging))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_is_over_after_a_while_and_never_stops_what_is_eager() {
        let (polite, eager) = (Manners::new(false, false), Manners::new(true, false));
        assert!(!polite.is_typing());
        polite.typed();
        eager.typed();
        assert!(polite.is_typing());
        assert!(!eager.is_typing() && !eager.on_battery());
        *polite.typed.lock().unwrap() = Instant::now().checked_sub(2 * TYPING);
        assert!(!polite.is_typing());
    }
}

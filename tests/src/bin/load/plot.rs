//! The sweep as a picture.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::mixed::{LAST_KEYSTROKE, Report};
use crate::table::Times;

/// The bar that 100 tabs have to keep, in milliseconds.
const BAR: f64 = 150.0;

/// Time from the last keystroke to hits against the number of tabs, both axes logarithmic.
pub(crate) fn draw(reports: &[Report], file: &Path) -> Result<()> {
    let points: Vec<(f64, Times)> = reports
        .iter()
        .filter_map(|report| Some((report.tabs as f64, report.row(LAST_KEYSTROKE)?.times?)))
        .collect();
    let highest = points.iter().map(|(_, times)| times.p95).fold(BAR, f64::max);
    let lowest = points.iter().map(|(_, times)| times.p50).fold(BAR, f64::min);
    let failed = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", file.display());

    let area = SVGBackend::new(file, (720, 420)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Last keystroke → hits while saving and importing", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d((0.9..250.0).log_scale(), (lowest / 2.0..highest * 2.0).log_scale())
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc("tabs that type")
        .y_desc("ms")
        .x_label_formatter(&|tabs| format!("{tabs:.0}"))
        .y_label_formatter(&|ms| format!("{ms}"))
        .max_light_lines(0)
        .draw()
        .map_err(|error| failed(&error))?;
    chart
        .draw_series(LineSeries::new([(0.9, BAR), (250.0, BAR)], BLACK.mix(0.5)))
        .map_err(|error| failed(&error))?
        .label("150 ms")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK.mix(0.5)));
    for (name, colour) in [("p50", BLUE), ("p95", RED)] {
        let line = points
            .iter()
            .map(|(tabs, times)| (*tabs, if name == "p50" { times.p50 } else { times.p95 }));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(3))
            .map_err(|error| failed(&error))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}

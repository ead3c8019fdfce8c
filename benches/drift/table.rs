//! What a person reads at the end.

use std::time::Duration;

use super::fill::MEMBERSHIPS;
use super::plant::PLANTED;
use super::requests::median;
use super::run::Report;

/// One database's figures, as Markdown.
pub fn render(report: &Report) -> String {
    let edges = report.users * MEMBERSHIPS;
    let mut text = format!(
        "\n{}: {} users, {edges} memberships of {} teams, {PLANTED} differences; loaded in {}\n\n",
        report.database,
        report.users,
        report.teams,
        seconds(report.loaded),
    );
    text += "| turn | reconcile | rows/s | peak memory | bare users | bare memberships | bare | ratio |\n";
    text += "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for (turn, ((time, peak), bare)) in report.runs.iter().zip(&report.bare).enumerate() {
        let [users, extra, lacking] = *bare;
        let whole = users + extra + lacking;
        text += &format!(
            "| {} | {} | {:.0} | {peak:.1} MiB | {} | {} | {} | {:.2} |\n",
            turn + 1,
            seconds(*time),
            f64::from(report.users + report.teams + edges) / time.as_secs_f64(),
            seconds(users),
            seconds(extra + lacking),
            seconds(whole),
            time.as_secs_f64() / whole.as_secs_f64(),
        );
    }
    text += "\n| request | median alone | median during a run | ratio | requests during it |\n";
    text += "| --- | ---: | ---: | ---: | ---: |\n";
    let [alone, during] = &report.requests;
    for (name, alone, during) in [
        ("match by userName", &alone.matches, &during.matches),
        ("PATCH active", &alone.patches, &during.patches),
    ] {
        let ratio = median(during).as_secs_f64() / median(alone).as_secs_f64();
        text += &format!(
            "| {name} | {:.2} ms | {:.2} ms | {ratio:.2} | {} |\n",
            median(alone).as_secs_f64() * 1000.0,
            median(during).as_secs_f64() * 1000.0,
            during.len(),
        );
    }
    let plans = report.cleanup.plans.iter();
    let plans: Vec<String> =
        plans.map(|(time, peak)| format!("{} in {peak:.1} MiB", seconds(*time))).collect();
    let (applied, steps, apply_peak) = report.cleanup.apply;
    text += &format!(
        "\ncleanup plan of {} accounts: {}\n\
         cleanup apply: about {steps} accounts in {} ({:.0} a second), {apply_peak:.1} MiB\n",
        report.cleanup.due,
        plans.join(", "),
        seconds(applied),
        f64::from(u32::try_from(steps).unwrap_or(u32::MAX)) / applied.as_secs_f64(),
    );
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

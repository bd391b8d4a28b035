//! The screen at two widths, as ratatui draws it, and what the keys do.

use super::fleet::Fleet;
use super::fleet::tests::{look, metrics};
use super::growth::Look;
use super::screen::{Shown, Wish, draw, pressed};
use super::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use ratatui::termion::event::Key;

/// Two workers at work, one of them paused, and a third that does not answer.
fn fleet() -> Fleet {
    let closed = "invoice_province_closed{province=\"河南\"} 1\n\
                  invoice_closed_until_timestamp_seconds{scope=\"province 河南\"} 2760\n\
                  invoice_parked_total{stage=\"verification\",code=\"316\"} 31\n\
                  invoice_returned_total{stage=\"verification\",code=\"316\"} 12\n\
                  invoice_jobs_total{status=\"undetermined\",verdict=\"none\"} 2\n\
                  invoice_provider_calls_total{stage=\"recognition\",code=\"timeout\",billed=\"unknown\"} 3\n\
                  invoice_cost_total{account=\"recognition\",billed=\"yes\",currency=\"CNY\"} 257.25\n\
                  invoice_cost_total{account=\"recognition\",billed=\"unknown\",currency=\"CNY\"} 0.75\n\
                  invoice_cost_total{account=\"verification\",billed=\"yes\",currency=\"CNY\"} 1543.5\n\
                  invoice_budgets_unknown 0\n\
                  invoice_budget_amount{budget=\"recognition per day in calls\"} 2000\n\
                  invoice_budget_spent{budget=\"recognition per day in calls\"} 2000\n\
                  invoice_budget_used_up{budget=\"recognition per day in calls\"} 1\n\
                  invoice_budget_amount{budget=\"all accounts per month in CNY\"} 50000\n\
                  invoice_budget_spent{budget=\"all accounts per month in CNY\"} 12345.67\n\
                  invoice_budget_used_up{budget=\"all accounts per month in CNY\"} 0\n\
                  process_start_time_seconds -9000";
    let paused = format!(
        "{closed}\n\
         invoice_paused{{stage=\"verification\",reason=\"UNAUTHORIZED\"}} 1\n\
         invoice_next_probe_timestamp_seconds{{stage=\"verification\"}} 1245\n\
         invoice_parked_total{{stage=\"storage\",code=\"timeout\"}} 4"
    );
    let looks = |at, calls| {
        [
            look("10.0.0.7:9464", at, &metrics(calls, closed)),
            look("10.0.0.8:9464", at, &metrics(calls + 40, &paused)),
            Look {
                worker: "10.0.0.9:9464".into(),
                at,
                said: Err("Connection refused (os error 111)".into()),
            },
        ]
    };
    Fleet::of(&looks(998.0, 1_000), &looks(1_000.0, 1_009), 1_000.0)
}

fn drawn(width: u16, height: u16, shown: Shown, has_colours: bool) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            draw(frame, &fleet(), shown, has_colours);
        })
        .unwrap();
    terminal.backend().clone()
}

fn screen(width: u16, height: u16) -> String {
    drawn(width, height, Shown::default(), true).to_string()
}

#[test]
fn the_screen_has_80_columns() {
    insta::assert_snapshot!(screen(80, 60));
}

#[test]
fn the_screen_has_160_columns() {
    insta::assert_snapshot!(screen(160, 36));
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for columns in 40..200 {
        for (_, line) in view::lines(&fleet(), columns) {
            let width = console::measure_text_width(&line);
            assert!(width <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn keys_quit_help_and_scroll() {
    let mut shown = Shown::default();
    for (key, wish) in [
        (Key::Char('q'), Wish::Quit),
        (Key::Esc, Wish::Quit),
        (Key::Ctrl('c'), Wish::Interrupt),
        (Key::Char('r'), Wish::LookAgain),
        (Key::Char('c'), Wish::Nothing),
        (Key::Up, Wish::Nothing),
    ] {
        assert_eq!(pressed(key, &mut shown), wish, "{key:?}");
        assert_eq!(shown, Shown::default(), "{key:?}");
    }
    pressed(Key::Char('?'), &mut shown);
    let help = drawn(80, 12, shown, true).to_string();
    assert!(
        help.contains("quit") && !help.contains("quota used"),
        "{help}"
    );
    pressed(Key::Char('h'), &mut shown);
    pressed(Key::PageDown, &mut shown);
    pressed(Key::Down, &mut shown);
    let scrolled = drawn(80, 12, shown, true).to_string();
    assert!(
        scrolled.contains("10.0.0.8") && !scrolled.contains("quota used"),
        "{scrolled}"
    );
    for _ in 0..100 {
        pressed(Key::PageDown, &mut shown);
    }
    let end = drawn(80, 12, shown, true).to_string();
    assert!(
        end.contains("all                 3,601.50 CNY"),
        "the last line stays: {end}"
    );
    pressed(Key::Home, &mut shown);
    assert_eq!(shown, Shown::default());
}

#[test]
fn what_waits_is_coloured_and_nothing_is_where_no_colour_is_wanted() {
    for (has_colours, expected) in [(true, Color::Yellow), (false, Color::Reset)] {
        let backend = drawn(80, 50, Shown::default(), has_colours);
        let buffer = backend.buffer();
        let row = (0..50).find(|row| {
            let line: String = (0..80)
                .map(|column| buffer[(column, *row)].symbol())
                .collect();
            line.contains("10.0.0.9:9464")
        });
        let cell = &buffer[(0, row.expect("the silent worker"))];
        assert_eq!(cell.fg, expected);
        assert!(cell.modifier.contains(Modifier::BOLD));
    }
}

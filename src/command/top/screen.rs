//! The view on a terminal, until a key or a signal ends it.

use super::fleet::Fleet;
use super::growth::Look;
use super::poll::{self, Target};
use super::tone_lines::{Tone, ToneLine};
use super::view;
use crate::shutdown::Stop;
use ratatui::backend::{Backend, TermionBackend};
use ratatui::style::{Color, Modifier, Style};
use ratatui::termion::event::Key;
use ratatui::termion::input::TermRead;
use ratatui::termion::raw::IntoRawMode;
use ratatui::termion::screen::IntoAlternateScreen;
use ratatui::text::{Line, Text};
use ratatui::widgets::Paragraph;
use ratatui::{Frame, Terminal};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

/// A screen that is narrower is drawn as if it was so wide.
const LEAST_COLUMNS: u16 = 40;
const PAGE: u16 = 10;

const KEYS: &str = "q quit   ? help";
const HELP: [&str; 10] = [
    "q, Esc          quit",
    "?, h            this help",
    "r               look again at once",
    "↑ ↓ j k         scroll; PgUp, PgDn by ten lines; Home to the beginning",
    "",
    "quota/s is what is configured, granted/s what the workers may use now, together.",
    "Rates are between the last two looks; – is what is not known yet.",
    "Parked jobs are what was parked minus what came back, since the workers were started:",
    "`invoice-worker waiting` says until when each waits. Calls and cost are counted since",
    "then as well: `invoice-worker cost` says what today cost.",
];

/// The state that keys have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    is_helping: bool,
    scrolled: u16,
}

/// The request of a key, beside what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    LookAgain,
    Quit,
    /// As SIGINT would, which a terminal in raw mode does not send.
    Interrupt,
}

pub(super) async fn run(
    targets: &[Target],
    every: Duration,
    stop: &Stop,
) -> anyhow::Result<ExitCode> {
    // When these are dropped the screen is as it was before, whatever happened.
    let screen = std::io::stdout().into_raw_mode()?.into_alternate_screen()?;
    let mut terminal = Terminal::new(TermionBackend::new(screen))?;
    terminal.hide_cursor()?;
    let outcome = watch(&mut terminal, targets, every, stop).await;
    terminal.show_cursor()?;
    outcome
}

async fn watch<B>(
    terminal: &mut Terminal<B>,
    targets: &[Target],
    every: Duration,
    stop: &Stop,
) -> anyhow::Result<ExitCode>
where
    B: Backend<Error = std::io::Error>,
{
    const INTERRUPTED: u8 = 130;
    let mut keys = keyboard();
    let has_colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (mut before, mut looks): (Vec<Look>, Vec<Look>) = (Vec::new(), Vec::new());
    let mut shown = Shown::default();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looking = None;
    loop {
        let fleet = Fleet::of(&before, &looks, poll::now());
        let mut furthest = 0;
        terminal.draw(|frame| furthest = draw(frame, &fleet, shown, has_colours))?;
        shown.scrolled = shown.scrolled.min(furthest);
        tokio::select! {
            biased;
            () = stop.asked_for() => return Ok(stop.exit_code()),
            key = keys.recv() => {
                let Some(key) = key else {
                    return Ok(ExitCode::SUCCESS);
                };
                match pressed(key, &mut shown) {
                    Wish::Nothing => {}
                    Wish::LookAgain => ticks.reset_immediately(),
                    Wish::Quit => return Ok(ExitCode::SUCCESS),
                    Wish::Interrupt => return Ok(ExitCode::from(INTERRUPTED)),
                }
            }
            _ = ticks.tick(), if looking.is_none() => looking = Some(Box::pin(poll::look(targets))),
            seen = async { looking.as_mut().expect("it is looking").await }, if looking.is_some() => {
                looking = None;
                before = std::mem::replace(&mut looks, seen);
            }
        }
    }
}

/// The keys that are pressed, from a thread of their own: reading them blocks. It ends with the
/// process, or with the terminal.
fn keyboard() -> UnboundedReceiver<Key> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for key in std::io::stdin().keys() {
            // Err: the terminal is gone, or the screen is closed.
            let Ok(key) = key else { return };
            if sender.send(key).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Returns what a key changes on the screen, and what it asks for.
pub(super) fn pressed(key: Key, shown: &mut Shown) -> Wish {
    match key {
        Key::Ctrl('c') => return Wish::Interrupt,
        Key::Char('q') | Key::Esc => return Wish::Quit,
        Key::Char('r') => return Wish::LookAgain,
        Key::Char('?' | 'h') => shown.is_helping = !shown.is_helping,
        Key::Down | Key::Char('j') => shown.scrolled = shown.scrolled.saturating_add(1),
        Key::Up | Key::Char('k') => shown.scrolled = shown.scrolled.saturating_sub(1),
        Key::PageDown => shown.scrolled = shown.scrolled.saturating_add(PAGE),
        Key::PageUp => shown.scrolled = shown.scrolled.saturating_sub(PAGE),
        Key::Home => shown.scrolled = 0,
        _ => {}
    }
    Wish::Nothing
}

/// Returns how far down the lines go.
pub(super) fn draw(frame: &mut Frame<'_>, fleet: &Fleet, shown: Shown, has_colours: bool) -> u16 {
    let area = frame.area();
    let columns = usize::from(area.width.max(LEAST_COLUMNS));
    let mut lines: Vec<ToneLine> = vec![(Tone::Faint, KEYS.to_owned())];
    if shown.is_helping {
        lines.extend(HELP.map(|line| (Tone::Plain, line.to_owned())));
    } else if fleet.workers.is_empty() {
        lines.push((Tone::Faint, "looking …".to_owned()));
    } else {
        lines.extend(view::lines(fleet, columns));
    }
    // The last line stays on the screen.
    let furthest = u16::try_from(lines.len().saturating_sub(1)).unwrap_or(u16::MAX);
    let text: Text<'_> = lines
        .into_iter()
        .map(|(tone, line)| Line::styled(line, style(tone, has_colours)))
        .collect();
    let paragraph = Paragraph::new(text).scroll((shown.scrolled.min(furthest), 0));
    frame.render_widget(paragraph, area);
    furthest
}

fn style(tone: Tone, has_colours: bool) -> Style {
    let style = match tone {
        Tone::Title | Tone::Heading => Style::new().add_modifier(Modifier::BOLD),
        Tone::Plain => Style::new(),
        Tone::Faint => Style::new().add_modifier(Modifier::DIM),
        Tone::Alarm => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
    };
    if has_colours {
        style
    } else {
        Style { fg: None, ..style }
    }
}

//! Several ways to do a thing, by turns.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long to measure.
#[derive(Clone, Copy, PartialEq)]
pub struct Effort {
    pub rounds: usize,
    /// The processor time of each contestant in a round.
    pub turn: Duration,
    /// Whether the figures are good for more than finding losses of an order of magnitude.
    pub is_measurement: bool,
}

impl Effort {
    pub const MEASURE: Effort = Effort { rounds: 31, turn: Duration::from_millis(100), is_measurement: true };
    pub const TRY: Effort = Effort { rounds: 3, turn: Duration::from_millis(10), is_measurement: false };
}

/// A way to do a thing once.
pub struct Contestant<'a> {
    pub name: &'a str,
    pub once: &'a mut dyn FnMut(),
}

/// What came of a contestant.
pub struct Outcome {
    pub name: String,
    /// Times a second of processor time, the median of the rounds.
    pub rate: f64,
    /// Of the first contestant's rate in the same round, the median of the rounds.
    pub ratio: f64,
}

/// Runs all by turns, forwards and backwards so that nobody always follows the same one.
pub fn contest(effort: Effort, contestants: &mut [Contestant<'_>]) -> Vec<Outcome> {
    contestants.iter_mut().for_each(|it| {
        rate(effort.turn / 4, it.once);
    });
    let mut rates = vec![Vec::new(); contestants.len()];
    for round in 0..effort.rounds {
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        order.into_iter().for_each(|index| rates[index].push(rate(effort.turn, contestants[index].once)));
    }
    let outcome = |(contestant, own): (&Contestant<'_>, &Vec<f64>)| Outcome {
        name: contestant.name.to_owned(),
        rate: median(own.clone()),
        ratio: median(own.iter().zip(&rates[0]).map(|(own, first)| own / first).collect()),
    };
    contestants.iter().zip(&rates).map(outcome).collect()
}

/// Times a second of this thread's processor time.
fn rate(turn: Duration, once: &mut dyn FnMut()) -> f64 {
    let start = processor_time();
    let mut times = 0_u32;
    let mut batch = 1;
    loop {
        (0..batch).for_each(|_| once());
        times += batch;
        let spent = processor_time() - start;
        if spent >= turn {
            return f64::from(times) / spent.as_secs_f64();
        }
        // The clock is asked seldom: it costs as much as a small thing.
        batch = if spent < turn / 8 { batch * 2 } else { batch };
    }
}

pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

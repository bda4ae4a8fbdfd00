//! Four times as much as the daemon takes on: the rest is told so, in time, and costs little.

use std::time::Duration;

use crate::{crash::rounds, daemon::Daemon, load::Load, record::Answered, site::Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_times_as_many_as_there_is_room_for_are_told_so_in_time_and_the_rest_is_served() {
    let site = Site::new();
    site.configure(&format!("[limits]\nqueue = {QUEUE}\nsigning_threads = 1\n"));
    let daemon = Daemon::start(&site);
    let mut answered = Answered::default();
    let mut calm = Load::start(&daemon, 4);
    for _ in 0..100 {
        answered.hear(calm.next().await.unwrap());
    }
    calm.rest().await.into_iter().for_each(|told| answered.hear(told));
    assert_eq!(answered.refused(), 0, "{:?}", answered.refused);
    let (before, calm) = (daemon.peak_memory(), answered.issued());
    let mut load = Load::from(&daemon, 4 * QUEUE, |number| [127, 0, 1, (number % 8) as u8]);
    let mut times = Vec::new();
    while times.len() < rounds(3000, 300_000) {
        let told = load.next().await.expect("the daemon is gone");
        if told.refused().is_some() {
            assert!(told.answer.as_ref().unwrap().header("retry-after").is_some(), "{told:?}");
            times.push(told.took);
        }
        answered.hear(told);
    }
    load.rest().await.into_iter().for_each(|told| answered.hear(told));
    assert_eq!(answered.refused.keys().collect::<Vec<_>>(), [&(503, "overloaded".to_owned())]);
    times.sort();
    let (late, grown) = (times[times.len() * 99 / 100], daemon.peak_memory().saturating_sub(before));
    let served = answered.issued() - calm;
    println!("{served} served, {} refused, 99 % within {late:?}; {grown} KiB more memory", times.len());
    assert!(served > 4 * QUEUE, "{served}");
    assert!(late < Duration::from_secs(5), "{late:?}");
    assert!(grown < 64 * 1024, "{grown} KiB");
    daemon.stop().await;
    answered.is_recorded(&site).await;
}

/// Places of the queue. A caller alone has half of them.
const QUEUE: usize = 32;

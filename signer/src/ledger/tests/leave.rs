//! Budgets and tickets.

use super::*;

#[tokio::test]
async fn a_budget_ends_and_says_when_it_goes_on() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let ask = |second: i64, caller: &str| {
        let request = Request { at: at(second), ..request(caller) };
        let budget = Some(Budget { limit: 2, window: Duration::from_secs(3600) });
        stage.ledger.record(Draft { budget, request, ..overwrite("d", "O", A, Basis::Issuance(id)) })
    };
    ask(0, "a").await.unwrap();
    ask(600, "a").await.unwrap();
    let Err(Error::BudgetSpent { retry_after, .. }) = ask(601, "a").await else { panic!() };
    assert_eq!(retry_after, Duration::from_secs(2999));
    assert!(ask(602, "b").await.is_ok());
    assert!(ask(3600, "a").await.is_ok());
    // A clock that ran ahead for a while costs nobody the budget of months.
    ask(9_000_000, "c").await.unwrap();
    ask(9_000_000, "c").await.unwrap();
    assert!(ask(600, "c").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_at_once_do_not_overrun_a_budget() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let ask = |_| {
        let budget = Some(Budget { limit: 5, window: Duration::from_secs(3600) });
        let (ledger, draft) = (stage.ledger.clone(), Draft { budget, ..overwrite("d", "O", A, Basis::Issuance(id)) });
        tokio::spawn(async move { ledger.record(draft).await.is_ok() })
    };
    let tasks: Vec<_> = (0..20).map(ask).collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += usize::from(task.await.unwrap());
    }
    assert_eq!(allowed, 5);
}

fn wanted(devices: &[&str]) -> TicketDraft {
    TicketDraft {
        devices: devices.iter().map(|name| device(name)).collect(),
        specs: None,
        reason: "returned".into(),
        until: at(100),
    }
}

/// A ticket of `anna` that `ben` approved, and a device `d` with a locked profile.
async fn approved(stage: &Stage) -> (TicketId, Basis) {
    let id = issue(stage, draft("d", "U", A)).await;
    let ticket = stage.ledger.create_ticket(&request("anna"), wanted(&["d", "e"])).await.unwrap().value.id;
    stage.ledger.approve_ticket(&request("ben"), ticket, None).await.unwrap();
    (ticket, Basis::Issuance(id))
}

fn with(ticket: TicketId, caller: &str, second: i64, draft: Draft) -> Draft {
    Draft { ticket: Some(ticket), request: Request { at: at(second), ..request(caller) }, ..draft }
}

#[tokio::test]
async fn an_approved_ticket_allows_one_overwrite_for_each_named_device() {
    let stage = Stage::new();
    let (ticket, of) = approved(&stage).await;
    let ask = || stage.ledger.record(with(ticket, "anna", 5, overwrite("d", "O", A, of)));
    let used = ask().await.unwrap().id();
    assert_eq!(code(ask().await), "ticket-used");
    let kept = stage.ledger.ticket(ticket).await.unwrap().unwrap();
    assert_eq!(kept.devices, [(device("d"), Some(used)), (device("e"), None)]);
    assert_eq!(kept.approved_by.as_deref(), Some("ben"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ticket_is_used_once_by_requests_at_once() {
    let stage = Stage::new();
    let (ticket, of) = approved(&stage).await;
    let ask = |_| {
        let (ledger, draft) = (stage.ledger.clone(), with(ticket, "anna", 5, overwrite("d", "O", A, of)));
        tokio::spawn(async move { ledger.record(draft).await.is_ok() })
    };
    let tasks: Vec<_> = (0..16).map(ask).collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += usize::from(task.await.unwrap());
    }
    assert_eq!(allowed, 1);
}

#[tokio::test]
async fn a_ticket_does_not_allow_what_it_is_not_for() {
    let stage = Stage::new();
    let (ticket, of) = approved(&stage).await;
    let other = issue(&stage, draft("x", "U", A)).await;
    let unknown = TicketId(stage.ledger.next_id(at(0)).0);
    let ask = |ticket, caller, second, draft| stage.ledger.record(with(ticket, caller, second, draft));
    let of_d = || overwrite("d", "O", A, of);
    assert_eq!(
        code(ask(ticket, "anna", 5, overwrite("x", "O", A, Basis::Issuance(other))).await),
        "ticket-not-for-this"
    );
    assert_eq!(code(ask(ticket, "anna", 100, of_d()).await), "ticket-expired");
    assert_eq!(code(ask(ticket, "ben", 5, of_d()).await), "ticket-own-use");
    assert_eq!(code(ask(unknown, "anna", 5, of_d()).await), "unknown-ticket");
    assert!(ask(ticket, "anna", 99, of_d()).await.is_ok());
}

#[tokio::test]
async fn a_ticket_of_a_clock_that_ran_ahead_is_over_once_it_is_right_again() {
    let stage = Stage::new();
    let of = Basis::Issuance(issue(&stage, draft("d", "U", A)).await);
    let by = |caller: &str, second| Request { at: at(second), ..request(caller) };
    let ask = async |second, approved| {
        let wanted = TicketDraft { until: at(second + 100), ..wanted(&["d"]) };
        let ticket = stage.ledger.create_ticket(&by("anna", second), wanted).await.unwrap().value.id;
        (ticket, stage.ledger.approve_ticket(&by("ben", approved), ticket, None).await)
    };
    assert_eq!(code(ask(9_000_000, 0).await.1), "ticket-expired");
    let (ticket, approved) = ask(9_000_000, 9_000_000).await;
    approved.unwrap();
    let used = stage.ledger.record(with(ticket, "anna", 5, overwrite("d", "O", A, of))).await;
    assert_eq!(code(used), "ticket-expired");
    // Requests at once are not recorded in the order of their moments.
    let (ticket, approved) = ask(30, 20).await;
    approved.unwrap();
    stage.ledger.record(with(ticket, "anna", 10, overwrite("d", "O", A, of))).await.unwrap();
}

/// Of the same leaf and identifier, the overwrite of one spec's profile frees that of another, too.
#[tokio::test]
async fn a_ticket_for_a_spec_allows_nothing_where_another_ones_profile_may_be_there() {
    let stage = Stage::new();
    let (own, both) = (issue(&stage, draft("d", "U", A)).await, issue(&stage, draft("e", "U", A)).await);
    let other = Some(SpecRef { name: "other".into(), digest: Digest([3; 32]) });
    issue(&stage, Draft { spec: other, ..draft("e", "V", A) }).await;
    let wanted = TicketDraft { specs: Some(["ivi".to_owned()].into()), ..wanted(&["d", "e"]) };
    let ticket = stage.ledger.create_ticket(&request("anna"), wanted).await.unwrap().value.id;
    stage.ledger.approve_ticket(&request("ben"), ticket, None).await.unwrap();
    let ask = async |device: &str, of| {
        stage.ledger.record(with(ticket, "anna", 5, overwrite(device, "O", A, Basis::Issuance(of)))).await
    };
    assert_eq!(code(ask("e", both).await), "ticket-not-for-this");
    ask("d", own).await.unwrap();
}

#[tokio::test]
async fn a_ticket_is_approved_once_in_time_and_by_another() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let ticket = stage.ledger.create_ticket(&request("anna"), wanted(&["d"])).await.unwrap().value.id;
    let unapproved = with(ticket, "anna", 5, overwrite("d", "O", A, Basis::Issuance(id)));
    assert_eq!(code(stage.ledger.record(unapproved).await), "ticket-not-approved");
    assert_eq!(code(stage.ledger.approve_ticket(&request("anna"), ticket, None).await), "ticket-self-approval");
    let late = Request { at: at(100), ..request("ben") };
    assert_eq!(code(stage.ledger.approve_ticket(&late, ticket, None).await), "ticket-expired");
    stage.ledger.approve_ticket(&request("ben"), ticket, None).await.unwrap();
    assert_eq!(code(stage.ledger.approve_ticket(&request("cleo"), ticket, None).await), "ticket-already-approved");
    assert_eq!(stage.last_event()["code"], "ticket-already-approved");
}

//! Questions over devices, and a fleet that is taken in.

use super::*;

#[tokio::test]
async fn pages_through_devices_by_state() {
    let stage = Stage::new();
    for n in 0..7 {
        let id = issue(&stage, draft(&format!("d{n}"), "U", A)).await;
        if n % 2 == 0 {
            acknowledge(&stage, id).await;
        }
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = stage.ledger.devices(Scope::default(), Some(State::Locked), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor::from(last));
        found.extend(page.into_iter().map(|holding| holding.device.to_string()));
    }
    assert_eq!(found, ["d0", "d2", "d4", "d6"]);
    let issued = stage.ledger.devices(Scope::default(), Some(State::Issued), None, 100).await.unwrap();
    let all = stage.ledger.devices(Scope::default(), None, None, 100).await.unwrap();
    assert_eq!((issued.len(), all.len()), (3, 7));
}

#[tokio::test]
async fn a_page_holds_what_is_within_the_scope_and_nothing_else() {
    let stage = Stage::new();
    for (name, spec) in [("a1", Some("ivi")), ("a2", Some("kiosk")), ("a3", None), ("b1", Some("ivi"))] {
        let spec = spec.map(|name| SpecRef { name: name.into(), digest: Digest([3; 32]) });
        issue(&stage, Draft { spec, ..draft(name, "U", A) }).await;
    }
    let both = Draft { spec: Some(SpecRef { name: "kiosk".into(), digest: Digest([3; 32]) }), ..draft("b1", "V", A) };
    let names = async |devices: Option<&[&str]>, specs: Option<&[&str]>| {
        let devices = devices.map(|patterns| patterns.iter().map(|text| Pattern::new(text).unwrap()).collect());
        let specs = specs.map(|specs| specs.iter().map(ToString::to_string).collect());
        let page = stage.ledger.devices(Scope { devices, specs }, None, None, 100).await.unwrap();
        page.into_iter().map(|holding| holding.device.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, None).await, ["a1", "a2", "a3", "b1"]);
    assert_eq!(names(Some(&["a*"]), None).await, ["a1", "a2", "a3"]);
    assert_eq!(names(Some(&["A*", "*1"]), None).await, ["a1", "b1"]);
    assert_eq!(names(Some(&["a*"]), Some(&["ivi"])).await, ["a1"]);
    assert_eq!(names(None, Some(&["ivi"])).await, ["a1", "b1"]);
    assert!(names(Some(&[]), None).await.is_empty() && names(None, Some(&[])).await.is_empty());
    issue(&stage, both).await;
    assert_eq!(names(None, Some(&["ivi"])).await, ["a1"]);
    assert_eq!(names(None, Some(&["ivi", "kiosk"])).await, ["a1", "a2", "b1"]);
}

#[tokio::test]
async fn tells_what_it_has_of_a_device() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let two = issue(&stage, draft("d", "V", A)).await;
    let record = stage.ledger.device(&device("d"), 1).await.unwrap().unwrap();
    assert_eq!(record.issuances.iter().map(|issuance| issuance.id).collect::<Vec<_>>(), [two]);
    let all = stage.ledger.device(&device("d"), 10).await.unwrap().unwrap();
    assert_eq!(all.issuances.last().unwrap().id, id);
    assert_eq!(record.installed[0].0.state, State::Issued);
    assert_eq!(stage.ledger.device(&device("e"), 10).await.unwrap(), None);
}

#[tokio::test]
async fn counts_and_lists_devices_whose_leaf_has_no_key() {
    let stage = Stage::new();
    for (name, leaf) in [("a", A), ("b", B), ("c", B)] {
        issue(&stage, draft(name, "U", leaf)).await;
    }
    let free = issue(&stage, draft("free", "U", B)).await;
    let free = issue(&stage, overwrite("free", "O", B, Basis::Issuance(free))).await;
    acknowledge(&stage, free).await;
    let keys = std::collections::BTreeSet::from([Digest([A; 32])]);
    assert_eq!(stage.ledger.stranded(&keys).await.unwrap(), 2);
    let listed = stage.ledger.stranded_devices(&keys, None, 1).await.unwrap();
    assert_eq!(listed, [device("b")]);
    assert_eq!(stage.ledger.stranded_devices(&keys, listed.last().cloned(), 9).await.unwrap(), [device("c")]);
    assert_eq!(stage.ledger.leaves().await.unwrap(), [(Digest([A; 32]), 1), (Digest([B; 32]), 2)]);
}

#[tokio::test]
async fn imports_a_fleet_once() {
    let stage = Stage::new();
    let one = |n: u32| Import {
        device: device(&format!("d{n}")),
        profile: profile("U", A),
        spec: None,
        signed: format!("imported {n}").into_bytes(),
        remarks: serde_json::json!({ "line": n }),
    };
    let first = stage.ledger.import(&request("import"), (0..50).map(one).collect()).await.unwrap();
    assert!(first.iter().all(|imported| matches!(imported, Imported::New(_))));
    let again = stage.ledger.import(&request("import"), (0..51).map(one).collect()).await.unwrap();
    assert_eq!(again.iter().filter(|imported| matches!(imported, Imported::New(_))).count(), 1);
    let serving = serving(&stage, "d3").await;
    assert_eq!(serving.evidence, EvidenceKind::Issued);
    assert_eq!(stage.ledger.basis(serving.of).await.unwrap().signed, b"imported 3");
    assert_eq!(stage.check().unwrap().profiles, 51);
}

//! The daemon, whole, in this process.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use signer::{
    daemon::{Control, Daemon as Whole, Source},
    ledger::Archive,
    server::Ended,
    service::Service,
    stop::Stop,
};
use tokio::task::JoinHandle;

use crate::{
    client::Ask,
    site::{Site, now},
};

pub struct Daemon {
    pub site: Site,
    pub service: Arc<Service>,
    pub control: Control,
    /// Plain TCP, for bearer tokens.
    pub address: SocketAddr,
    /// TLS that takes the clients of the site.
    pub tls: SocketAddr,
    clock: Arc<Mutex<SystemTime>>,
    stop: Arc<Stop>,
    server: JoinHandle<Ended>,
}

impl Daemon {
    pub async fn start() -> Self {
        Self::at(Site::new(), now()).await
    }

    /// With the site changed before.
    pub async fn with(change: impl FnOnce(&mut Site)) -> Self {
        let mut site = Site::new();
        change(&mut site);
        Self::at(site, now()).await
    }

    /// Over a site, at a moment.
    pub async fn at(site: Site, at: SystemTime) -> Self {
        let clock = Arc::new(Mutex::new(at));
        let told = clock.clone();
        let clocked = Arc::new(move || *told.lock().unwrap());
        let tcp = Some(([127, 0, 0, 1], 0).into());
        let source = Source { config: site.config(), credentials: None, tcp, clock: clocked };
        let whole = Whole::start(source).await.unwrap();
        let (address, tls) = (whole.addresses().tcp.unwrap(), whole.addresses().tls.unwrap());
        let control = whole.control();
        let stop = Arc::new(Stop::new());
        let server = tokio::spawn(whole.run(stop.watch()));
        Self { site, service: control.service().clone(), control, address, tls, clock, stop, server }
    }

    /// Ends it, and starts it anew on the same folder at the same moment.
    pub async fn restarted(self) -> Self {
        let at = *self.clock.lock().unwrap();
        let site = self.end().await;
        Self::at(site, at).await
    }

    /// Ends it in order, and gives the site.
    pub async fn end(self) -> Site {
        self.stop.advance();
        self.server.await.unwrap();
        self.site
    }

    pub fn pass(&self, time: Duration) {
        *self.clock.lock().unwrap() += time;
    }

    pub fn turn_back(&self, time: Duration) {
        *self.clock.lock().unwrap() -= time;
    }

    /// Reads the site's configuration again.
    pub async fn reload(&self) {
        self.site.config();
        self.control.reload(None, "test").await.unwrap();
    }

    /// A request with the token of a caller.
    pub fn by(&self, caller: &str) -> Ask {
        Ask::at(self.address).token(crate::site::token(caller).reveal())
    }

    /// The events of the audit, in their order.
    pub fn events(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        Archive::open(&self.site.path("ledger.db")).unwrap().export_audit(&mut lines).unwrap();
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].take();
        String::from_utf8(lines).unwrap().lines().map(event).collect()
    }

    pub fn last_event(&self) -> Value {
        self.events().pop().unwrap()
    }

    pub fn metrics(&self) -> String {
        self.service.metrics.encode()
    }
}

//! The operator's door, on the daemon's side.

use std::{
    io::{self, Write},
    time::Duration,
};

use tokio::{
    fs,
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Control, bind::UnixDoor, chain};
use crate::{
    admin::{Answer, Ask, TOO_MANY},
    backup,
    import::Offered,
    server::drained,
    stop::{Phase, Watch},
};

/// Takes who may ask until the daemon drains; what was asked by then is finished, for so long.
pub(super) async fn serve(door: UnixDoor, control: Control, mut stop: Watch, drain: Duration) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.reached(Phase::Draining) => break,
            Some(_) = connections.join_next() => {}
            accepted = door.listener.accept() => match accepted {
                Ok((stream, _)) => match caller(&stream, door.file.owner) {
                    Some(by) if connections.len() < AT_ONCE => {
                        connections.spawn(talk(stream, control.clone(), by, stop.clone()));
                    }
                    Some(_) => turn_away(stream),
                    None => tracing::warn!("somebody else than the daemon's user and root has asked for the operator's door"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the operator's door does not open");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(door);
    if drained(connections, drain, stop).await > 0 {
        tracing::warn!("what an operator asked was cut off by the end");
    }
}

/// The daemon's own user, whom its socket belongs to, and root.
fn caller(stream: &UnixStream, own: u32) -> Option<String> {
    let uid = stream.peer_cred().ok()?.uid();
    (uid == 0 || uid == own).then(|| format!("uid {uid}"))
}

/// Says why nobody listens, if the socket takes it at once, and closes.
fn turn_away(stream: UnixStream) {
    tracing::warn!("too many operators ask at once");
    let answer = refused(TOO_MANY, vec![format!("{AT_ONCE} operators ask at once: try again later")]);
    // Whether it arrives is the operator's affair.
    let _ = stream.into_std().and_then(|mut stream| stream.write_all(&line(&answer)?));
}

async fn talk(stream: UnixStream, control: Control, by: String, stop: Watch) {
    // Who goes away in the middle has nobody to be told.
    let _ = answer_all(BufReader::new(stream), &control, &by, stop).await;
}

async fn answer_all(mut stream: BufReader<UnixStream>, control: &Control, by: &str, mut stop: Watch) -> io::Result<()> {
    loop {
        let line = tokio::select! {
            biased;
            () = stop.reached(Phase::Draining) => return Ok(()),
            line = asked(&mut stream) => line?,
        };
        let Some(line) = line else { return Ok(()) };
        let answer = match serde_json::from_slice(&line) {
            Ok(Ask::Backup) => {
                back_up(&mut stream, control, by).await?;
                continue;
            }
            Ok(ask) => answer(ask, control, by).await,
            Err(cause) => refused("not-understood", vec![format!("what was asked is not understood: {cause}")]),
        };
        tell(&mut stream, &answer).await?;
    }
}

/// The next line; none where there is no more. Who is idle leaves his place to others.
async fn asked(stream: &mut BufReader<UnixStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    timeout(IDLE, stream.take(LONGEST_LINE).read_until(b'\n', &mut line)).await??;
    Ok(Some(line).filter(|line| !line.is_empty()))
}

async fn tell(stream: &mut BufReader<UnixStream>, answer: &Answer) -> io::Result<()> {
    timeout(IDLE, stream.write_all(&line(answer)?)).await?
}

fn line(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(line)
}

/// A copy that lies beside the ledger until it was sent: the operator's folders are not the daemon's to write to.
async fn back_up(stream: &mut BufReader<UnixStream>, control: &Control, by: &str) -> io::Result<()> {
    let folder = match control.back_up(by).await {
        Ok(folder) => folder,
        Err(error) => return tell(stream, &refused("not-copied", vec![chain(&error)])).await,
    };
    let mut files = Vec::new();
    for name in backup::FILES {
        files.push((name.to_owned(), fs::metadata(folder.path().join(name)).await?.len()));
    }
    tell(stream, &Answer::Backup { files }).await?;
    for name in backup::FILES {
        send(fs::File::open(folder.path().join(name)).await?, stream).await?;
    }
    Ok(())
}

/// Who stops reading does not keep the copy on the disk.
async fn send(mut file: fs::File, stream: &mut BufReader<UnixStream>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(()),
            count => timeout(IDLE, stream.write_all(&piece[..count])).await??,
        }
    }
}

async fn answer(ask: Ask, control: &Control, by: &str) -> Answer {
    match ask {
        Ask::Reload { accept_stranded } => match control.reload(accept_stranded, by).await {
            Ok(changed) => {
                let restart = changed.restart.into_iter().map(Into::into).collect();
                Answer::Reloaded { restart, warnings: changed.warnings }
            }
            Err(error) => refused(error.code(), error.problems()),
        },
        Ask::Stranded { after } => match control.stranded_devices(after, PAGE).await {
            Ok(devices) => Answer::Stranded { devices },
            Err(error) => refused("ledger-unavailable", vec![chain(&error)]),
        },
        Ask::Import { profiles } => {
            let offered: Result<Vec<Offered>, _> = profiles.into_iter().map(TryInto::try_into).collect();
            let Ok(offered) = offered else {
                return refused("not-understood", vec!["a profile is not in base64".into()]);
            };
            match control.import(offered, by).await {
                Ok(became) => Answer::Imported { became },
                Err(error) => refused("ledger-unavailable", vec![chain(&error)]),
            }
        }
        Ask::Backup => refused("not-understood", vec!["a backup is no line".into()]),
    }
}

fn refused(code: &str, problems: Vec<String>) -> Answer {
    Answer::Refused { code: code.into(), problems }
}

const AT_ONCE: usize = 16;
/// How long an operator may take to ask, and to read what is answered.
const IDLE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(50);
/// The most bytes that are asked at once.
const LONGEST_LINE: u64 = 16 << 20;
/// How many bytes of a copy are sent at once.
const PIECE: usize = 64 << 10;
/// How many devices are listed in one answer.
const PAGE: usize = 1000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        daemon::{Daemon, Source},
        fixture::{Site, now},
    };

    #[tokio::test]
    async fn a_copy_goes_when_who_asked_for_it_stops_reading() {
        let site = Site::new();
        let source = Source { config: site.config(), credentials: None, tcp: None, clock: Arc::new(now) };
        let control = Daemon::start(source).await.unwrap().control();
        // More than a socket holds.
        let ledger = rusqlite::Connection::open(site.folder.path().join("ledger.db")).unwrap();
        ledger.execute_batch("INSERT INTO meta (name, value) VALUES ('long', hex(zeroblob(1 << 19)))").unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        // The daemon has nothing to wait for but its operator once all is copied.
        tokio::time::pause();
        let error = back_up(&mut BufReader::new(ours), &control, "test").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut left = std::fs::read_dir(site.folder.path()).unwrap();
        assert!(!left.any(|entry| entry.unwrap().file_name().to_str().unwrap().contains("backup")));
    }

    #[tokio::test(start_paused = true)]
    async fn an_operator_who_asks_nothing_is_not_waited_for_for_ever() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut ours = BufReader::new(ours);
        theirs.write_all(b"one\ntw").await.unwrap();
        assert_eq!(asked(&mut ours).await.unwrap().unwrap(), b"one\n");
        assert_eq!(asked(&mut ours).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}

//! The sockets: after everything else that can fail.

use std::{
    fs::{self, Permissions},
    io::{self, ErrorKind},
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::net::UnixListener;

use crate::{
    Config,
    server::{Listener, bind},
    tls::Tls,
};

/// A socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot listen on {address}")]
pub struct BindError {
    /// The key of the configuration.
    pub key: &'static str,
    /// Where.
    pub address: String,
    /// What the system said.
    pub source: io::Error,
}

/// Where a daemon listens; ports that the system chose are there by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// TCP without TLS.
    pub tcp: Option<SocketAddr>,
    /// TLS.
    pub tls: Option<SocketAddr>,
    /// The Unix socket.
    pub unix: Option<PathBuf>,
    /// The operator's socket.
    pub admin: PathBuf,
}

/// The sockets that listen.
pub(super) struct Doors {
    pub(super) listeners: Vec<Listener>,
    pub(super) unix_file: Option<SocketFile>,
    pub(super) admin: UnixDoor,
    pub(super) addresses: Addresses,
}

/// A Unix socket of our own, and its file.
pub(super) struct UnixDoor {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// A socket's file, which goes with it; not one that has taken its place.
pub(super) struct SocketFile {
    path: PathBuf,
    pub(super) owner: u32,
    inode: (u64, u64),
}

/// Binds everything that the configuration names.
pub(super) async fn all(config: &Config, tls: Option<&Arc<Tls>>) -> Result<Doors, BindError> {
    let mut listeners = Vec::new();
    let mut unix_file = None;
    let mut addresses = Addresses { tcp: None, tls: None, unix: None, admin: config.admin.socket.clone() };
    if let Some(address) = config.listen.tcp {
        let (listener, bound) = tcp("listen.tcp", address)?;
        addresses.tcp = Some(bound);
        listeners.push(Listener::loopback(listener).map_err(failed("listen.tcp", address.to_string()))?);
    }
    if let (Some(listen), Some(tls)) = (&config.listen.tls, tls) {
        let (listener, bound) = tcp("listen.tls", listen.address)?;
        addresses.tls = Some(bound);
        listeners.push(Listener::Tls(listener, tls.clone()));
    }
    if let Some(socket) = &config.listen.unix {
        let door = unix("listen.unix", &socket.path, socket.mode)?;
        addresses.unix = Some(socket.path.clone());
        listeners.push(Listener::Unix(door.listener));
        unix_file = Some(door.file);
    }
    let admin = unix("admin.socket", &config.admin.socket, ADMIN_MODE)?;
    Ok(Doors { listeners, unix_file, admin, addresses })
}

fn tcp(key: &'static str, address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), BindError> {
    let bound = bind(address).and_then(|listener| listener.local_addr().map(|bound| (listener, bound)));
    bound.map_err(failed(key, address.to_string()))
}

/// Binds beside and renames, so that the file is never there with other permissions, and one that a dead daemon left is
/// replaced.
fn unix(key: &'static str, path: &Path, mode: u32) -> Result<UnixDoor, BindError> {
    let bound = || {
        leave_to_others(path)?;
        let beside = beside(path);
        let _ = fs::remove_file(&beside);
        let listener = UnixListener::bind(&beside)?;
        fs::set_permissions(&beside, Permissions::from_mode(mode))?;
        fs::rename(&beside, path)?;
        let file = fs::symlink_metadata(path)?;
        let file = SocketFile { path: path.to_owned(), owner: file.uid(), inode: (file.dev(), file.ino()) };
        Ok(UnixDoor { listener, file })
    };
    bound().map_err(failed(key, path.display().to_string()))
}

/// What somebody else listens on, or is no socket, is not replaced.
fn leave_to_others(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file of this name that is no socket"))
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another process listens there")),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
        },
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn failed(key: &'static str, address: String) -> impl FnOnce(io::Error) -> BindError {
    move |source| BindError { key, address, source }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// For the daemon's own user; root needs no permission.
const ADMIN_MODE: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sock");
        (folder, path)
    }

    #[tokio::test]
    async fn a_socket_has_its_permissions_and_goes_with_its_daemon() {
        let (folder, path) = socket();
        let door = unix("admin.socket", &path, 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(door);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_dead_daemons_socket_is_replaced() {
        let (_folder, path) = socket();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let _door = unix("admin.socket", &path, 0o600).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[tokio::test]
    async fn a_socket_that_somebody_listens_on_is_left_alone() {
        let (_folder, path) = socket();
        let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = unix("admin.socket", &path, 0o600).err().unwrap();
        assert_eq!(error.source.kind(), ErrorKind::AddrInUse);
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let (_folder, path) = socket();
        fs::write(&path, "mine").unwrap();
        assert!(unix("admin.socket", &path, 0o600).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[tokio::test]
    async fn the_socket_that_has_taken_its_place_stays() {
        let (_folder, path) = socket();
        let old = unix("admin.socket", &path, 0o600).unwrap();
        drop(old.listener);
        let _new = unix("admin.socket", &path, 0o600).unwrap();
        drop(old.file);
        assert!(path.exists());
    }
}

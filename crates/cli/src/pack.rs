//! Source files to a stream of tar.

use std::{
    fs,
    io::{self, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

use crate::source::{FileKind, SourceFile, SourceFolder};

/// Size of the pieces sent, in bytes.
const PIECE: usize = 64 << 10;

/// Pieces packed ahead of the network.
const AHEAD: usize = 8;

/// Pack the folder on a thread of its own; a receiver that goes away ends it.
pub(crate) fn tar(folder: Arc<SourceFolder>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (tx, rx) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { tx: tx.clone(), buffer: Vec::with_capacity(PIECE) };
        let result = write(&folder, &mut pieces).and_then(|()| pieces.flush());
        if let Err(e) = result {
            // Without a receiver there is nobody to tell.
            let _ = tx.blocking_send(Err(e));
        }
    });
    stream::unfold(rx, |mut rx| async move { rx.recv().await.map(|piece| (piece, rx)) })
}

struct Pieces {
    tx: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        self.tx.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Write a tar: owners are left out and modes reduced to whether a file may be run, as Git does.
fn write(folder: &SourceFolder, to: &mut impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(to);
    for file in &folder.files {
        add(&mut tar, folder, file).map_err(|e| {
            io::Error::new(e.kind(), format!("cannot pack {}: {e}", folder.root.join(&file.path).display()))
        })?;
    }
    tar.into_inner().map(drop)
}

fn add(tar: &mut tar::Builder<impl Write>, folder: &SourceFolder, file: &SourceFile) -> io::Result<()> {
    let path = folder.root.join(&file.path);
    let meta = match fs::symlink_metadata(&path) {
        Ok(meta) => meta,
        // It was there a moment ago; editors do that.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let mut header = tar::Header::new_gnu();
    let modified = meta.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    header.set_mtime(modified.map_or(0, |d| d.as_secs()));
    header.set_size(0);
    match &file.kind {
        FileKind::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            tar.append_data(&mut header, &file.path, io::empty())
        }
        FileKind::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, &file.path, target)
        }
        FileKind::File => {
            let opened = fs::File::open(&path)?;
            let meta = opened.metadata()?;
            header.set_mode(if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 });
            header.set_size(meta.len());
            // Exactly as many bytes as promised, also of a file that is being written to.
            let data = BufReader::with_capacity(PIECE, opened).chain(io::repeat(0)).take(meta.len());
            tar.append_data(&mut header, &file.path, data)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("{}/main.py", "deep/".repeat(40));
        for (path, text) in [("requirements.txt", "fastapi\n".to_owned()), (&long, "x".repeat(PIECE * 3))] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("requirements.txt", dir.path().join("link")).unwrap();
        fs::set_permissions(dir.path().join("requirements.txt"), fs::Permissions::from_mode(0o4755)).unwrap();
        let folder =
            SourceFolder::scan(dir.path(), Path::new("/nowhere"), dormouse_builder::LANGUAGES).unwrap();
        let pieces: Vec<_> = tar(Arc::new(folder)).collect().await;
        let bytes: Vec<u8> = pieces.into_iter().flat_map(|p| p.unwrap().to_vec()).collect();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            if header.entry_type() != tar::EntryType::Directory {
                let path = entry.path().unwrap().display().to_string().replace("deep/", "");
                seen.push(format!("{path} {:o} {}", header.mode().unwrap(), header.size().unwrap()));
            }
        }
        assert_eq!(seen, ["main.py 644 196608", "link 777 0", "requirements.txt 755 8"]);
    }
}

//! Binary packages: an `ar` container with two compressed tars in it (deb(5)).

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read},
};

use flate2::read::GzDecoder;
use liblzma::read::XzDecoder;
use ruzstd::decoding::StreamingDecoder;
use tar::Archive;

/// A package archive in memory.
#[derive(Debug)]
pub(super) struct Deb<'a> {
    /// Files of the control archive by name: `control`, `postinst`, `conffiles` and so on.
    pub(super) control: BTreeMap<String, ControlFile>,
    data_name: String,
    data: &'a [u8],
}

/// A file of the control archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ControlFile {
    pub(super) bytes: Vec<u8>,
    pub(super) executable: bool,
}

/// Control archives are small; more is an attempt at filling the memory.
const MAX_CONTROL: u64 = 64 << 20;

impl<'a> Deb<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> io::Result<Self> {
        let members = ar(bytes)?;
        let version = members.first().filter(|(name, _)| *name == "debian-binary");
        if !version.is_some_and(|(_, v)| v.starts_with(b"2.")) {
            return Err(bad("it is not a Debian package of format 2"));
        }
        let find = |prefix: &str| {
            members
                .iter()
                .find(|(name, _)| name.starts_with(prefix))
                .ok_or_else(|| bad(&format!("it has no {prefix}")))
        };
        let (control_name, control) = find("control.tar")?;
        let (data_name, data) = find("data.tar")?;
        let mut files = BTreeMap::new();
        for entry in Archive::new(decompress(control_name, control)?.take(MAX_CONTROL)).entries()? {
            let mut entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path()?.file_name().map(|n| n.to_string_lossy().into_owned());
            let executable = entry.header().mode()? & 0o111 != 0;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.extend(name.map(|n| (n, ControlFile { bytes, executable })));
        }
        Ok(Self { control: files, data_name: (*data_name).to_owned(), data })
    }

    /// The tar of its files.
    pub(super) fn data(&self) -> io::Result<Archive<Box<dyn Read + Send + 'a>>> {
        Ok(Archive::new(decompress(&self.data_name, self.data)?))
    }

    /// A file of the control archive as text; empty when there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.control.get(name).map(|f| String::from_utf8_lossy(&f.bytes).into_owned()).unwrap_or_default()
    }
}

/// The members of an `ar` archive, in order.
fn ar(bytes: &[u8]) -> io::Result<Vec<(&str, &[u8])>> {
    const HEADER: usize = 60;
    let mut rest = bytes.strip_prefix(b"!<arch>\n").ok_or_else(|| bad("it is not an ar archive"))?;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(HEADER).ok_or_else(|| bad("it ends within a header"))?;
        let header = std::str::from_utf8(header).map_err(|_| bad("a header is damaged"))?;
        if !header.ends_with("`\n") {
            return Err(bad("a header is damaged"));
        }
        let name = header.get(..16).unwrap_or_default().trim_end().trim_end_matches('/');
        let size: usize =
            header.get(48..58).and_then(|s| s.trim().parse().ok()).ok_or_else(|| bad("a size is damaged"))?;
        let (content, after) =
            after.split_at_checked(size).ok_or_else(|| bad(&format!("it ends within {name}")))?;
        members.push((name, content));
        // Members start at even offsets.
        rest = after.get(size % 2..).unwrap_or_default();
    }
    Ok(members)
}

/// Decompress as the name says.
fn decompress<'a>(name: &str, bytes: &'a [u8]) -> io::Result<Box<dyn Read + Send + 'a>> {
    let bytes = Cursor::new(bytes);
    Ok(match name.rsplit_once(".tar").map(|(_, end)| end) {
        Some("") => Box::new(bytes),
        Some(".gz") => Box::new(GzDecoder::new(bytes)),
        Some(".xz") => Box::new(XzDecoder::new(bytes)),
        Some(".zst") => Box::new(StreamingDecoder::new(bytes).map_err(io::Error::other)?),
        Some(_) | None => return Err(bad(&format!("{name} is compressed in a way that is not known"))),
    })
}

/// Decompress a whole index file as its name says, up to `limit` bytes.
pub(super) fn index(name: &str, bytes: &[u8], limit: u64) -> io::Result<String> {
    let mut text = String::new();
    let mut reader: Box<dyn Read + '_> = match name.rsplit_once('.') {
        Some((_, "xz")) => Box::new(XzDecoder::new(bytes)),
        Some((_, "gz")) => Box::new(GzDecoder::new(bytes)),
        Some(_) | None => Box::new(bytes),
    };
    let read = reader.by_ref().take(limit).read_to_string(&mut text)?;
    if read as u64 == limit {
        return Err(bad("it is larger than an index can be"));
    }
    Ok(text)
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// A package with these control files and this data tar.
    pub(in crate::base) fn make(control: &[(&str, &str)], data: &[u8]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, text) in control {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(if text.starts_with("#!") { 0o755 } else { 0o644 });
            tar.append_data(&mut header, format!("./{name}"), text.as_bytes()).unwrap();
        }
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&tar.into_inner().unwrap()).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(data).unwrap();
        let mut out = b"!<arch>\n".to_vec();
        for (name, content) in [
            ("debian-binary", &b"2.0\n"[..]),
            ("control.tar.gz", &gz.finish().unwrap()),
            ("data.tar.xz", &xz.finish().unwrap()),
        ] {
            out.extend(
                format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
            );
            out.extend(content);
            if content.len() % 2 == 1 {
                out.push(b'\n');
            }
        }
        out
    }

    #[test]
    fn whole_and_damaged() {
        let deb = make(&[("control", "Package: a\n"), ("postinst", "#!/bin/sh\n")], b"");
        let parsed = Deb::parse(&deb).unwrap();
        assert_eq!(parsed.text("control"), "Package: a\n");
        assert!(parsed.control["postinst"].executable && !parsed.control["control"].executable);
        for (what, bytes, why) in [
            ("empty", &b""[..], "it is not an ar archive"),
            ("cut within the data", &deb[..deb.len() - 3], "it ends within data.tar.xz"),
            ("cut within a header", &deb[..30], "it ends within a header"),
            ("cut before the data", &deb[..68 + 4], "it has no control.tar"),
            ("another archive", b"!<arch>\n", "it is not a Debian package of format 2"),
        ] {
            assert_eq!(Deb::parse(bytes).unwrap_err().to_string(), why, "{what}");
        }
        for at in (0..deb.len()).step_by(7) {
            let mut broken = deb.clone();
            broken[at] ^= 0xff;
            // Whatever it is taken for, it is read to its end without a panic.
            if let Ok(deb) = Deb::parse(&broken)
                && let Ok(mut data) = deb.data()
                && let Ok(entries) = data.entries()
            {
                entries.for_each(drop);
            }
        }
    }
}

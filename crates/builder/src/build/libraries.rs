//! Shared libraries and programs that Python packages look for when they run, and the Debian packages that have them.

/// How the loader says that a library is missing.
const MISSING: &str = "cannot open shared object file";

/// Beginnings of names of libraries; where one package is rarely all, the others too.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("libGL.so", &["libgl1", "libglib2.0-0"]),
    ("libEGL.so", &["libegl1"]),
    ("libGLESv2.so", &["libgles2"]),
    ("libglib-2.0", &["libglib2.0-0"]),
    ("libgthread-2.0", &["libglib2.0-0"]),
    ("libgobject-2.0", &["libglib2.0-0", "libpango-1.0-0", "libpangoft2-1.0-0"]),
    ("libpangoft2-1.0", &["libpangoft2-1.0-0"]),
    ("libpangocairo-1.0", &["libpangocairo-1.0-0"]),
    ("libpango-1.0", &["libpango-1.0-0", "libpangoft2-1.0-0"]),
    ("libharfbuzz", &["libharfbuzz0b"]),
    ("libfontconfig", &["libfontconfig1"]),
    ("libfreetype", &["libfreetype6"]),
    ("libcairo", &["libcairo2"]),
    ("libgdk_pixbuf-2.0", &["libgdk-pixbuf-2.0-0"]),
    ("libgtk-3", &["libgtk-3-0"]),
    ("libSM.so", &["libsm6", "libxext6"]),
    ("libICE.so", &["libsm6"]),
    ("libXext.so", &["libxext6"]),
    ("libXrender.so", &["libxrender1"]),
    ("libX11.so", &["libx11-6"]),
    ("libxcb.so", &["libxcb1"]),
    ("libxkbcommon", &["libxkbcommon0"]),
    ("libgomp.so", &["libgomp1"]),
    ("libgfortran.so", &["libgfortran5"]),
    ("libopenblas", &["libopenblas0"]),
    ("liblapack", &["liblapack3"]),
    ("libpq.so", &["libpq5"]),
    ("libmariadb", &["libmariadb3"]),
    ("libmysqlclient", &["default-libmysqlclient-dev"]),
    ("libodbc", &["unixodbc"]),
    ("libsybdb", &["libsybdb5"]),
    ("libaio.so", &["libaio1"]),
    ("libldap", &["libldap-2.5-0"]),
    ("libsasl2", &["libsasl2-2"]),
    ("libgssapi_krb5", &["libgssapi-krb5-2"]),
    ("libkrb5", &["libkrb5-3"]),
    ("libmagic", &["libmagic1"]),
    ("libxmlsec1", &["libxmlsec1-openssl"]),
    ("libxml2", &["libxml2"]),
    ("libxslt", &["libxslt1.1"]),
    ("libgdal", &["libgdal-dev"]),
    ("libgeos", &["libgeos-c1v5"]),
    ("libproj", &["libproj-dev"]),
    ("libspatialindex", &["libspatialindex-dev"]),
    ("libhdf5", &["libhdf5-dev"]),
    ("libsndfile", &["libsndfile1"]),
    ("libportaudio", &["libportaudio2"]),
    ("libasound", &["libasound2"]),
    ("libpulse.so", &["libpulse0"]),
    ("libavcodec", &["ffmpeg"]),
    ("libavformat", &["ffmpeg"]),
    ("libzbar", &["libzbar0"]),
    ("libvips", &["libvips42"]),
    ("libMagickWand", &["libmagickwand-dev"]),
    ("libtesseract", &["tesseract-ocr"]),
    ("libusb-1.0", &["libusb-1.0-0"]),
    ("libenchant-2", &["libenchant-2-2"]),
    ("librdkafka", &["librdkafka1"]),
    ("libsnappy", &["libsnappy-dev"]),
    ("libnss3", &["libnss3"]),
    ("libnspr4", &["libnspr4"]),
    ("libatk-bridge-2.0", &["libatk-bridge2.0-0"]),
    ("libatk-1.0", &["libatk1.0-0"]),
    ("libgbm", &["libgbm1"]),
    ("libdbus-1", &["libdbus-1-3"]),
];

/// What packages say themselves of a library or a program that they miss.
const SAID: &[(&str, &[&str])] = &[
    ("failed to find libmagic", &["libmagic1"]),
    ("Unable to find zbar shared library", &["libzbar0"]),
    ("sndfile library not found", &["libsndfile1"]),
    ("PortAudio library not found", &["libportaudio2"]),
    ("no library called \"cairo", &["libcairo2"]),
    ("MagickWand shared library not found", &["libmagickwand-dev"]),
    ("Could not find the GDAL library", &["libgdal-dev"]),
    ("Could not find the GEOS library", &["libgeos-c1v5"]),
    ("tesseract is not installed or it's not in your PATH", &["tesseract-ocr"]),
    ("Is poppler installed and in PATH", &["poppler-utils"]),
    ("No wkhtmltopdf executable found", &["wkhtmltopdf"]),
    ("make sure the Graphviz executables are on your systems' PATH", &["graphviz"]),
    ("No pandoc was found", &["pandoc"]),
    ("Java gateway process exited", &["default-jre-headless"]),
    ("Couldn't find ffmpeg or avconv", &["ffmpeg"]),
];

/// Programs that Python packages start.
const PROGRAMS: &[(&str, &str)] = &[
    ("ffmpeg", "ffmpeg"),
    ("ffprobe", "ffmpeg"),
    ("git", "git"),
    ("tesseract", "tesseract-ocr"),
    ("pdftotext", "poppler-utils"),
    ("pdftoppm", "poppler-utils"),
    ("wkhtmltopdf", "wkhtmltopdf"),
    ("soffice", "libreoffice"),
    ("libreoffice", "libreoffice"),
    ("dot", "graphviz"),
    ("pandoc", "pandoc"),
    ("gs", "ghostscript"),
    ("convert", "imagemagick"),
    ("java", "default-jre-headless"),
    ("node", "nodejs"),
    ("curl", "curl"),
    ("pg_dump", "postgresql-client"),
    ("psql", "postgresql-client"),
];

/// What a line says is missing, and what to do about it.
pub(crate) fn advice(line: &str) -> Option<String> {
    if let Some(library) = missing(line) {
        let packages = LIBRARIES.iter().find(|(begins, _)| library.starts_with(begins));
        return Some(match packages {
            Some((_, packages)) => name(packages),
            None => format!(
                "name the Debian package that has `{library}` as one of `packages` under the service in dormouse.toml"
            ),
        });
    }
    if let Some((_, packages)) = SAID.iter().find(|(said, _)| line.contains(said)) {
        return Some(name(packages));
    }
    let (_, program) = line.split_once("No such file or directory: ")?;
    let program = program.trim().trim_matches(['\'', '"']);
    PROGRAMS.iter().find(|(name, _)| *name == program).map(|(_, package)| name(&[package]))
}

/// The library that the loader does not find.
fn missing(line: &str) -> Option<&str> {
    let before = line.split(MISSING).next().filter(|before| before.len() < line.len())?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let words = before.trim_end_matches([':', ' ']).rsplit(|c: char| !is_name(c));
    words.into_iter().find(|word| word.starts_with("lib"))
}

fn name(packages: &[&str]) -> String {
    let quoted: Vec<_> = packages.iter().map(|p| format!("\"{p}\"")).collect();
    format!("name packages = [{}] under the service in dormouse.toml", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// Bug: most libraries had no hint, of those that OpenCV needs only the first was named, and none in builds.
    #[test]
    fn what_is_missing() {
        let mut out = String::new();
        for line in [
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "ImportError: libgthread-2.0.so.0: cannot open shared object file: No such file or directory",
            "OSError: cannot load library 'libgobject-2.0-0': libgobject-2.0-0: cannot open shared object file: No such file or directory.  Additionally, ctypes.util.find_library() did not manage to locate a library called 'libgobject-2.0-0'",
            "/app/x: error while loading shared libraries: libnss3.so: cannot open shared object file: No such file or directory",
            "OSError: libcustom-x.so.2: cannot open shared object file: No such file or directory",
            "ImportError: /opt/libfoo.so: undefined symbol: x",
            "ImportError: failed to find libmagic.  Check your installation",
            "pytesseract.pytesseract.TesseractNotFoundError: tesseract is not installed or it's not in your PATH. See README file for more information.",
            "FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'",
            "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'",
            "KeyError: 'libGL.so.1'",
        ] {
            out += &format!("{}\n", advice(line).unwrap_or_else(|| "-".to_owned()));
        }
        expect![[r#"
            name packages = ["libgl1", "libglib2.0-0"] under the service in dormouse.toml
            name packages = ["libglib2.0-0"] under the service in dormouse.toml
            name packages = ["libglib2.0-0", "libpango-1.0-0", "libpangoft2-1.0-0"] under the service in dormouse.toml
            name packages = ["libnss3"] under the service in dormouse.toml
            name the Debian package that has `libcustom-x.so.2` as one of `packages` under the service in dormouse.toml
            -
            name packages = ["libmagic1"] under the service in dormouse.toml
            name packages = ["tesseract-ocr"] under the service in dormouse.toml
            name packages = ["ffmpeg"] under the service in dormouse.toml
            -
            -
        "#]].assert_eq(&out);
    }
}

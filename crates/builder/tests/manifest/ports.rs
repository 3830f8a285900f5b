//! Ports that files beside the code name.

use dormouse_builder::LANGUAGES;
use dormouse_model::manifest::{ManifestInput, resolve};

/// Bug: a fixed port in a Procfile, or in gunicorn's settings, was not seen.
#[test]
fn files() {
    for (files, want) in [
        (&[("Procfile", "web: gunicorn app:app --bind 0.0.0.0:5000")][..], 5000),
        (&[("Procfile", "Web: flask run -p 5001")], 5001),
        (&[("Procfile", "web: gunicorn app:app -b 0.0.0.0:${PORT:-5002}")], 8000),
        (&[("Procfile", "worker: gunicorn -b :5003")], 8000),
        (
            &[("Procfile", "web: gunicorn a:b"), ("gunicorn.conf.py", "workers = 2\nbind = '0.0.0.0:5004'")],
            5004,
        ),
        (&[("Procfile", "web: gunicorn a:b"), ("gunicorn.conf.py", "bind = f'0.0.0.0:{PORT}'")], 8000),
        (&[("Procfile", "web: gunicorn a:b -c conf/g.py"), ("conf/g.py", "bind = [\":5005\"]")], 5005),
        (&[("Procfile", "web: gunicorn a:b -b :5006"), ("gunicorn.conf.py", "bind = ':1'")], 5006),
    ] {
        let mut input = ManifestInput::new("x");
        input.add_file("requirements.txt", "");
        files.iter().for_each(|(path, text)| input.add_file(path, *text));
        let (spec, _) = resolve(&input, LANGUAGES).unwrap();
        assert_eq!(spec.services.values().next().unwrap().port, want, "{files:?}");
    }
}

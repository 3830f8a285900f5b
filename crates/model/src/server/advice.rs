//! How to make a server listen where it is reached.

use super::{How, Server};

impl Server {
    /// Whether its children are workers that it forks to answer, and starts again when they end; of others they may be the
    /// app's own.
    #[must_use]
    pub fn forks_workers(self) -> bool {
        match self {
            Self::Gunicorn | Self::Puma | Self::Uwsgi => true,
            Self::Aiohttp
            | Self::Bottle
            | Self::Chainlit
            | Self::Daphne
            | Self::Dash
            | Self::Django
            | Self::FastApi
            | Self::Flask
            | Self::Gradio
            | Self::Granian
            | Self::Hypercorn
            | Self::HttpServer
            | Self::Jupyter
            | Self::NextJs
            | Self::NiceGui
            | Self::Node
            | Self::Panel
            | Self::Php
            | Self::Rails
            | Self::Rust
            | Self::Sanic
            | Self::Streamlit
            | Self::Tornado
            | Self::Uvicorn
            | Self::Vite
            | Self::Waitress
            | Self::Other => false,
        }
    }

    /// The port it listens on when nothing tells it another; `None` when it has none of its own.
    #[must_use]
    pub fn default_port(self) -> Option<u16> {
        Some(match self {
            Self::Aiohttp | Self::Bottle | Self::NiceGui | Self::Waitress => 8080,
            Self::Dash => 8050,
            Self::Daphne
            | Self::Chainlit
            | Self::Django
            | Self::FastApi
            | Self::Granian
            | Self::Gunicorn
            | Self::HttpServer
            | Self::Hypercorn
            | Self::Sanic
            | Self::Uvicorn => 8000,
            Self::Flask => 5000,
            Self::Gradio => 7860,
            Self::Jupyter => 8888,
            Self::NextJs | Self::Node | Self::Rails => 3000,
            Self::Panel => 5006,
            Self::Puma => 9292,
            Self::Streamlit => 8501,
            Self::Vite => 5173,
            Self::Php | Self::Rust | Self::Tornado | Self::Uwsgi | Self::Other => return None,
        })
    }

    /// What may have it answer 400 to every request: a setting of frameworks that it may serve which lists the hosts that they
    /// answer for. One line.
    #[must_use]
    pub fn hosts_setting(self) -> Option<&'static str> {
        match self {
            Self::Daphne
            | Self::Django
            | Self::FastApi
            | Self::Granian
            | Self::Gunicorn
            | Self::Hypercorn
            | Self::Uvicorn
            | Self::Uwsgi
            | Self::Waitress => {
                Some("Django answers so to a host that ALLOWED_HOSTS lacks (Starlette: allowed_hosts)")
            }
            Self::Aiohttp
            | Self::Bottle
            | Self::Chainlit
            | Self::Dash
            | Self::Flask
            | Self::Gradio
            | Self::HttpServer
            | Self::Jupyter
            | Self::NextJs
            | Self::NiceGui
            | Self::Node
            | Self::Panel
            | Self::Php
            | Self::Puma
            | Self::Rails
            | Self::Rust
            | Self::Sanic
            | Self::Streamlit
            | Self::Tornado
            | Self::Vite
            | Self::Other => None,
        }
    }

    /// What to do so that it listens on every address, at the port it is given: one line.
    #[must_use]
    pub fn listen_advice(self, how: How) -> String {
        let start = |command: &str| format!("start it with `{command}`");
        let add = |options: &str| format!("add `{options}` to its start command");
        let code = |call: &str| format!("write `{call}`");
        let python =
            |call: &str| code(&format!("{call}(..., host=\"0.0.0.0\", port=int(os.environ[\"PORT\"]))"));
        match (self, how) {
            (Self::Uvicorn | Self::FastApi, How::Code) => python("uvicorn.run"),
            (Self::Flask | Self::Dash, How::Code) => {
                code("app.run(host=\"0.0.0.0\", port=int(os.environ[\"PORT\"]))")
            }
            (Self::Gradio, _) => {
                code("launch(server_name=\"0.0.0.0\", server_port=int(os.environ[\"PORT\"]))")
            }
            (Self::Aiohttp, _) => python("web.run_app"),
            (Self::Bottle | Self::Dash, _) => python("run"),
            (Self::NiceGui, _) => code("ui.run(host=\"0.0.0.0\", port=int(os.environ[\"PORT\"]))"),
            (Self::Tornado, _) => code("app.listen(int(os.environ[\"PORT\"]))"),
            (Self::Sanic, How::Code) => python("app.run"),
            (Self::Hypercorn, How::Code) => code("config.bind = [f\"0.0.0.0:{os.environ['PORT']}\"]"),
            (Self::Waitress, How::Code) => code("serve(app, listen=f\"0.0.0.0:{os.environ['PORT']}\")"),
            (
                Self::Uvicorn
                | Self::FastApi
                | Self::Granian
                | Self::Flask
                | Self::Sanic
                | Self::Vite
                | Self::Chainlit,
                _,
            ) => add("--host 0.0.0.0 --port $PORT"),
            (Self::Gunicorn | Self::Hypercorn, _) => add("--bind 0.0.0.0:$PORT"),
            (Self::Daphne, _) => add("-b 0.0.0.0 -p $PORT"),
            (Self::Waitress, _) => add("--listen=0.0.0.0:$PORT"),
            (Self::Uwsgi, _) => add("--http 0.0.0.0:$PORT"),
            (Self::Django, _) => start("python manage.py runserver 0.0.0.0:$PORT"),
            (Self::Streamlit, _) => add("--server.address 0.0.0.0 --server.port $PORT"),
            (Self::HttpServer, _) => start("python -m http.server --bind 0.0.0.0 $PORT"),
            (Self::Panel, _) => add("--address 0.0.0.0 --port $PORT --allow-websocket-origin='*'"),
            (Self::Jupyter, _) => add("--ip 0.0.0.0 --port $PORT"),
            (Self::NextJs, _) => add("-H 0.0.0.0 -p $PORT"),
            (Self::Puma, _) => add("-b tcp://0.0.0.0:$PORT"),
            (Self::Rails, _) => add("-b 0.0.0.0 -p $PORT"),
            (Self::Php, _) => start("php -S 0.0.0.0:$PORT"),
            (Self::Node, _) => code("listen(process.env.PORT, \"0.0.0.0\")"),
            (Self::Rust, _) => "bind to the address 0.0.0.0 and to the port in the variable PORT".to_owned(),
            (Self::Other, _) => GENERAL.to_owned(),
        }
    }
}

/// What to do when nothing is known of what serves.
pub const GENERAL: &str = "have it listen on the address 0.0.0.0 and on the port in the variable PORT";

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn advice() {
        let mut out = String::new();
        for (server, how) in [
            (Server::Flask, How::Command),
            (Server::Flask, How::Code),
            (Server::Uvicorn, How::Command),
            (Server::Uvicorn, How::Code),
            (Server::Gradio, How::Command),
            (Server::Dash, How::Code),
            (Server::Django, How::Command),
            (Server::Streamlit, How::Command),
            (Server::Gunicorn, How::Command),
            (Server::Node, How::Code),
            (Server::Rust, How::Code),
            (Server::Other, How::Command),
        ] {
            out += &format!("{server:?} {how:?}: {}\n", server.listen_advice(how));
        }
        expect![[r#"
            Flask Command: add `--host 0.0.0.0 --port $PORT` to its start command
            Flask Code: write `app.run(host="0.0.0.0", port=int(os.environ["PORT"]))`
            Uvicorn Command: add `--host 0.0.0.0 --port $PORT` to its start command
            Uvicorn Code: write `uvicorn.run(..., host="0.0.0.0", port=int(os.environ["PORT"]))`
            Gradio Command: write `launch(server_name="0.0.0.0", server_port=int(os.environ["PORT"]))`
            Dash Code: write `app.run(host="0.0.0.0", port=int(os.environ["PORT"]))`
            Django Command: start it with `python manage.py runserver 0.0.0.0:$PORT`
            Streamlit Command: add `--server.address 0.0.0.0 --server.port $PORT` to its start command
            Gunicorn Command: add `--bind 0.0.0.0:$PORT` to its start command
            Node Code: write `listen(process.env.PORT, "0.0.0.0")`
            Rust Code: bind to the address 0.0.0.0 and to the port in the variable PORT
            Other Command: have it listen on the address 0.0.0.0 and on the port in the variable PORT
        "#]]
        .assert_eq(&out);
    }
}

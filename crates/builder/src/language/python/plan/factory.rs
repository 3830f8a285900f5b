//! Apps that a function makes: `app = create_app()`, or the function alone, which its server calls.

use super::{
    Listing,
    framework::{self, App, Made, Serves},
    requirements::Names,
};

/// What such functions are called, where their code does not tell what they return.
const USUAL: [&str; 5] = ["create_app", "make_app", "build_app", "create_application", "make_application"];

/// How many modules a name is followed through.
const DEPTH: usize = 5;

/// The first variable at the top level of a file that holds what such a function returned.
pub(crate) fn held<'a>(listing: &Listing, names: &Names, file: &str, text: &'a str) -> Option<App<'a>> {
    text.lines().enumerate().find_map(|(i, line)| {
        let (variable, call) = framework::assigned(line)?;
        let serves = returned(listing, names, file, call)?;
        Some(App { variable, package: "", serves, made: Made::Variable, line: i + 1 })
    })
}

/// The first function of a usual name that makes an app of its own accord.
pub(crate) fn unasked(text: &str) -> Option<App<'_>> {
    text.lines().enumerate().find_map(|(i, line)| {
        let name = defined(line).filter(|name| USUAL.contains(name))?;
        let (head, serves) = (head(text, name)?, constructed(body(text, name)?)?);
        let needs = |p: &&str| !p.contains('=') && !p.trim_start().starts_with('*') && !p.trim().is_empty();
        let asks = parameters(&head).iter().any(needs);
        (!asks).then_some(App { variable: name, package: "", serves, made: Made::Function, line: i + 1 })
    })
}

/// What serves the result of a call in a file, if that is an app.
fn returned(listing: &Listing, names: &Names, file: &str, call: &str) -> Option<Serves> {
    let name = call.rsplit('.').next()?;
    let defining = definition(listing, file, call, DEPTH);
    if let Some((path, name)) = &defining
        && let Some(serves) = constructed(body(listing.text(path)?, name)?)
    {
        return Some(serves);
    }
    if !USUAL.contains(&name) {
        return None;
    }
    let text = defining.and_then(|(path, _)| listing.text(&path)).unwrap_or_default();
    let apps = || framework::APPS.iter().filter(|(package, ..)| *package != "dash");
    let told = apps().find(|(package, ..)| framework::imports(text, package));
    told.or_else(|| apps().find(|(package, ..)| names.has(package))).map(|(.., serves)| *serves)
}

/// The file that defines what `call` names in `file`, and its name there.
fn definition(listing: &Listing, file: &str, call: &str, depth: usize) -> Option<(String, String)> {
    let depth = depth.checked_sub(1)?;
    let text = listing.text(file)?;
    if let Some((holder, name)) = call.rsplit_once('.') {
        let module = match imported(text, holder) {
            Some((module, part)) => join(&module, &part),
            None => named_module(text, holder)?,
        };
        return definition(listing, &find(listing, file, &module)?, name, depth);
    }
    if text.lines().any(|line| defined(line) == Some(call)) {
        return Some((file.to_owned(), call.to_owned()));
    }
    let (module, name) = imported(text, call)?;
    definition(listing, &find(listing, file, &module)?, &name, depth)
}

/// `create` of `from pkg.web import x, create_app as create`: the module, and its name there.
fn imported(text: &str, name: &str) -> Option<(String, String)> {
    let mut rest = text;
    while let Some(at) = rest.find("from ") {
        let begins = at == 0 || rest[..at].ends_with('\n');
        rest = &rest[at + 5..];
        let Some((module, list)) = rest.split_once(" import ").filter(|(m, _)| begins && !m.contains('\n'))
        else {
            continue;
        };
        let list = match list.trim_start().strip_prefix('(') {
            Some(list) => list.split(')').next()?,
            None => list.lines().next()?,
        };
        for part in list.lines().filter_map(|l| l.split('#').next()).flat_map(|l| l.split(',')) {
            let mut words = part.split_whitespace();
            let original = words.next().unwrap_or_default();
            let here = if words.next() == Some("as") { words.next() } else { Some(original) };
            if here == Some(name) {
                return Some((module.trim().to_owned(), original.to_owned()));
            }
        }
    }
    None
}

/// The module that `import pkg.web`, or `import pkg.web as name`, calls so.
fn named_module(text: &str, name: &str) -> Option<String> {
    text.lines().filter_map(|line| line.strip_prefix("import ")).find_map(|list| {
        list.split('#').next()?.split(',').find_map(|part| {
            let mut words = part.split_whitespace();
            let module = words.next()?;
            let here = if words.next() == Some("as") { words.next()? } else { module };
            (here == name).then(|| module.to_owned())
        })
    })
}

/// The file of a module, as a file may import it.
fn find(listing: &Listing, from: &str, module: &str) -> Option<String> {
    let up = module.len() - module.trim_start_matches('.').len();
    let path = module.trim_start_matches('.').replace('.', "/");
    let folders = || std::iter::successors(Some(folder(from)), |f| (!f.is_empty()).then(|| folder(f)));
    let bases: Vec<&str> = match up {
        // Where Python starts depends on how it is run: the file's own folder, or one above it.
        0 => folders().collect(),
        up => folders().nth(up - 1).into_iter().collect(),
    };
    bases.into_iter().find_map(|base| {
        let whole = [base, &path].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
        let inside = if whole.is_empty() { "__init__.py".to_owned() } else { format!("{whole}/__init__.py") };
        [format!("{whole}.py"), inside].into_iter().find(|file| listing.has(file))
    })
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

fn join(module: &str, part: &str) -> String {
    if module.ends_with('.') { format!("{module}{part}") } else { format!("{module}.{part}") }
}

/// The name of the function that a line at the top level begins; one that has to be awaited makes nothing by a call.
fn defined(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("def ")?.split_once('(')?;
    Some(name.trim())
}

/// The parameters of a function, on however many lines.
fn head(text: &str, name: &str) -> Option<String> {
    let start =
        text.split_inclusive('\n').take_while(|l| defined(l) != Some(name)).map(str::len).sum::<usize>();
    let rest = text[start..].split_once('(')?.1;
    let mut depth = 1;
    let end = rest.find(|c: char| {
        depth += match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    Some(rest[..end].to_owned())
}

/// Split at commas outside of brackets.
fn parameters(head: &str) -> Vec<&str> {
    let mut depth = 0;
    head.split(|c: char| {
        depth += match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        c == ',' && depth == 0
    })
    .collect()
}

/// The lines of a function, up to the next thing at the top level.
fn body<'a>(text: &'a str, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    let mut lines = text.lines();
    lines.by_ref().find(|line| defined(line) == Some(name))?;
    // The end of its parameters may stand at the margin: `) -> Flask:`.
    Some(lines.take_while(|l| l.is_empty() || l.starts_with([' ', '\t', ')', '#'])))
}

/// What serves the first app that some lines make.
fn constructed<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Serves> {
    lines.find_map(|line| {
        let code = line.split('#').next()?;
        let calls = |class: &str| {
            code.match_indices(class).any(|(at, _)| {
                let alone = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                alone && code[at + class.len()..].starts_with('(')
            })
        };
        let apps = framework::APPS.iter().filter(|(package, ..)| *package != "dash");
        apps.clone().find(|(_, class, _)| calls(class)).map(|(.., serves)| *serves)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTORY: &str =
        "from flask import Flask\n\ndef create_app(config=None):\n    a = Flask(__name__)\n\n    return a\n";

    fn check(text: &str, other: (&str, &str), wanted: Option<(&str, Serves)>) {
        let listing = Listing::from([("web/wsgi.py", text), other]);
        let mut names = Names::default();
        names.add("fastapi");
        let found = held(&listing, &names, "web/wsgi.py", text);
        assert_eq!(found.map(|a| (a.variable, a.serves)), wanted, "{text}");
    }

    #[test]
    fn variables() {
        let (app, wsgi) = (Some(("app", Serves::Wsgi)), ("pkg/__init__.py", FACTORY));
        for (text, other, wanted) in [
            ("from pkg import create_app\napp = create_app()", wsgi, app),
            ("from pkg import (\n    db,  # x\n    create_app as make,\n)\napp = make('x')", wsgi, app),
            ("import pkg\napp = pkg.create_app()", wsgi, app),
            ("import pkg as p\napp: object = p.create_app()", wsgi, app),
            ("from pkg import core\napp = core.create_app()", ("pkg/core.py", FACTORY), app),
            ("from .pkg import create_app\napp = create_app()", ("web/pkg.py", FACTORY), app),
            ("from . import pkg\napp = pkg.create_app()", ("web/pkg/__init__.py", FACTORY), app),
            ("from ..pkg import create_app\napp = create_app()", wsgi, app),
            ("def boot():\n    return Flask('x')\nserver = boot()", wsgi, Some(("server", Serves::Wsgi))),
            (
                "def boot(\n    a=1,\n) -> FastAPI:\n    return fastapi.FastAPI()\napp = boot()",
                wsgi,
                Some(("app", Serves::Asgi)),
            ),
            // Nobody sees what it returns, and what is installed tells.
            ("from elsewhere import create_app\napp = create_app()", wsgi, Some(("app", Serves::Asgi))),
            ("from elsewhere import helper\napp = helper()", wsgi, None),
            ("from pkg import create_app\nif x:\n    app = create_app()", wsgi, None),
            ("from pkg import create_app\n# app = create_app()", wsgi, None),
            ("from pkg import create_app\napp = await create_app()", wsgi, None),
            ("def other():\n    return 1\napp = other()\nx = Flask", wsgi, None),
            ("async def create():\n    return Flask('x')\napp = create()", wsgi, None),
            ("def a():\n    return MyFlask(1)\napp = a()", wsgi, None),
        ] {
            check(text, other, wanted);
        }
    }

    #[test]
    fn round_and_round() {
        let listing =
            Listing::from([("a.py", "from b import make\napp = make()"), ("b.py", "from a import make")]);
        assert_eq!(held(&listing, &Names::default(), "a.py", listing.text("a.py").unwrap()), None);
    }

    #[test]
    fn functions_alone() {
        for (text, wanted) in [
            (FACTORY, true),
            ("def create_app():\n    return Flask('x')", true),
            ("def create_app(a: dict[str, int] = {}, *args, **kw) -> Flask:\n    return Flask('x')", true),
            ("def create_app(config):\n    return Flask('x')", false),
            ("def create_app():\n    return Other('x')", false),
            ("def helper():\n    return Flask('x')", false),
            ("async def create_app():\n    return FastAPI()", false),
        ] {
            assert_eq!(unasked(text).is_some(), wanted, "{text}");
        }
    }
}

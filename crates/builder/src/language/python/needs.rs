//! Whether a service needs what lies in a folder of another one.

use dormouse_model::manifest::Code;

/// Whether its code imports the folder, or the files that say what it depends on name it.
pub(super) fn needs(code: &Code<'_>, folder: &str) -> bool {
    // There a bare word is the name of a package.
    let as_path = |text: &str| text.contains(&format!("{folder}/")) || text.contains(&format!("./{folder}"));
    let mut files = ["requirements.txt", "pyproject.toml"].iter().filter_map(|file| code.text(file));
    files.any(as_path) || imported(code, folder)
}

/// Whether Python code outside the folder imports it.
fn imported(code: &Code<'_>, folder: &str) -> bool {
    let module = folder.replace('/', ".");
    let is_in = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let mut own = code.ending(".py").filter(|(path, _)| !is_in(path));
    own.any(|(_, text)| text.lines().any(|line| imports(line.trim_start(), &module)))
}

/// Whether a line of Python imports a module, or something in it.
fn imports(line: &str, module: &str) -> bool {
    let is = |name: &str| {
        name.trim().strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
    };
    if let Some(names) = line.strip_prefix("import ") {
        return names.split(',').any(is);
    }
    let Some((from, names)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) else {
        return false;
    };
    is(from)
        || names.split(',').any(|name| is(&format!("{}.{}", from.trim(), name.trim_matches([' ', '(', ')']))))
}

#[cfg(test)]
mod tests {
    use dormouse_model::manifest::ManifestInput;

    use super::*;

    #[test]
    fn imports_and_requirements() {
        for (file, text, needed) in [
            ("main.py", "from frontend.shared import x", "frontend"),
            ("lib/a.py", "def f():\n    import os, frontend as f", "frontend"),
            ("main.py", "from tools import (admin)", "tools/admin"),
            ("main.py", "import frontend_kit\nx = 'import frontend'", ""),
            ("frontend/page.py", "import frontend", ""),
            ("requirements.txt", "-r frontend/requirements.txt", "frontend"),
            ("requirements.txt", "frontend==1.0", ""),
        ] {
            let mut input = ManifestInput::new("shop");
            input.add_file(file, text);
            let code = Code::new(&input, ".");
            let found: Vec<_> = ["frontend", "tools/admin"].into_iter().filter(|f| needs(&code, f)).collect();
            assert_eq!(found.join(" "), needed, "{file}: {text}");
        }
    }
}

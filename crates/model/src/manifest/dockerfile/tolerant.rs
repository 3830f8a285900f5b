//! Reading past instructions that the parser does not understand: one of them tells nothing of the others.

/// Instructions changed at most: each takes a parsing of the whole file, and one with more of them is none.
const MOST: usize = 64;

/// Told by name at most; the rest is counted.
const TOLD: usize = 8;

/// What stands for a command that was emptied: the shell's word for doing nothing.
pub(super) const NOTHING: &str = ":";

/// A Dockerfile's text as the parser understands it, with each byte where it was.
pub(super) struct Tolerant {
    pub(super) text: String,
    /// Instructions that are blank in it, each with its line and why.
    passed_over: Vec<(usize, String)>,
}

/// An instruction, which may go over several lines.
struct Instruction {
    start: usize,
    end: usize,
    line: usize,
    /// What goes on in the next line ends in it.
    escape: char,
}

impl Tolerant {
    /// Of a file's text. What the parser says of the result is what nothing could be done about.
    pub(super) fn of(text: String) -> Self {
        let mut this = Self { text, passed_over: Vec::new() };
        for _ in 0..MOST {
            let Err(e) = parse_dockerfile::parse(&this.text) else { break };
            let Some(found) = instruction(&this.text, e.line()) else { break };
            let name = this.name(&found).to_ascii_uppercase();
            let rest = this.blank(&found);
            match name.as_str() {
                // These take away what the image had, which the parser takes for a slip.
                "CMD" | "ENTRYPOINT" if found.is_empty_list(&rest) => {
                    let short = format!("{name} {NOTHING}");
                    this.text.replace_range(found.start..found.start + short.len(), &short);
                }
                // What comes after it would be taken for a part of the stage before.
                "FROM" => {
                    this.text.replace_range(found.start..found.end, &(name + &rest));
                    break;
                }
                _ => this.passed_over.push((found.line, format!("{e:#}"))),
            }
        }
        this.passed_over.sort();
        this
    }

    /// What is to be said of instructions that are blank in it.
    pub(super) fn warning(&self, file: &str) -> Option<String> {
        let told: Vec<_> =
            self.passed_over.iter().take(TOLD).map(|(line, why)| format!("line {line} ({why})")).collect();
        let more = match self.passed_over.len() - told.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        (!told.is_empty())
            .then(|| format!("{file}: not understood, and passed over: {}{more}", told.join(", ")))
    }

    /// How an instruction is called.
    fn name(&self, of: &Instruction) -> &str {
        self.text[of.start..of.end].split_whitespace().next().unwrap_or_default()
    }

    /// Blank it but for line breaks, and say what followed its name.
    fn blank(&mut self, what: &Instruction) -> String {
        let name = self.name(what).len();
        let text = self.text[what.start..what.end].to_owned();
        let blank = text.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { ' ' });
        self.text.replace_range(what.start..what.end, &blank.collect::<String>());
        text[name..].to_owned()
    }
}

impl Instruction {
    /// Whether `rest` of it is `[]`, however it is broken.
    fn is_empty_list(&self, rest: &str) -> bool {
        rest.chars().filter(|c| !c.is_whitespace() && *c != self.escape).eq(['[', ']'])
    }
}

/// The instruction that goes over a line.
fn instruction(text: &str, line: usize) -> Option<Instruction> {
    let escape = escape(text);
    let mut open: Option<Instruction> = None;
    let mut at = 0;
    for (number, whole) in (1..).zip(text.split_inclusive('\n')) {
        let start = at + whole.len() - whole.trim_start().len();
        let end = at + whole.trim_end().len();
        at += whole.len();
        // These are skipped within an instruction too.
        if start >= end || text[start..end].starts_with('#') {
            continue;
        }
        let this = open.get_or_insert(Instruction { start, end, line: number, escape });
        this.end = end;
        if !text[start..end].ends_with(escape) {
            if number >= line {
                break;
            }
            open = None;
        }
    }
    open.filter(|found| found.line <= line)
}

/// What its lines go on after, as the comments at its top may say.
fn escape(text: &str) -> char {
    let mut directives =
        text.lines().map_while(|line| line.trim().strip_prefix('#')).filter_map(|line| line.split_once('='));
    let said = directives.find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    if said.is_some_and(|(_, value)| value.trim() == "`") { '`' } else { '\\' }
}

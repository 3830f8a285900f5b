//! An EDGAR full-text submission: its header, and the 10-K among its documents.

/// What a filing says of itself, as far as it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) cik: Option<u64>,
    pub(crate) company: Option<String>,
    pub(crate) ticker: Option<String>,
    pub(crate) year: Option<i32>,
    pub(crate) form: Option<String>,
    pub(crate) accession: Option<String>,
    pub(crate) filed: Option<String>,
}

impl About {
    /// What this says, and where it says nothing the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            cik: self.cik.or(other.cik),
            company: self.company.or(other.company),
            ticker: self.ticker.or(other.ticker),
            year: self.year.or(other.year),
            form: self.form.or(other.form),
            accession: self.accession.or(other.accession),
            filed: self.filed.or(other.filed),
        }
    }
}

/// A filing's header and main text (HTML or plain).
#[derive(Debug)]
pub(crate) struct Submission<'t> {
    pub(crate) about: About,
    pub(crate) body: &'t str,
    /// The exhibits, with their types in capitals (`EX-13`).
    pub(crate) exhibits: Vec<(String, &'t str)>,
    /// The facts of an older submission, as an XBRL instance of its own.
    pub(crate) instance: Option<&'t str>,
}

/// Reads a file: a submission when it has SGML documents, else the text itself. `Err` is for a submission without a 10-K.
pub(crate) fn read(text: &str) -> Result<Submission<'_>, String> {
    let Some(first) = find(text, "<DOCUMENT>") else {
        return Ok(Submission { about: About::default(), body: text, exhibits: Vec::new(), instance: None });
    };
    let about = header(&text[..first]);
    let (mut body, mut exhibits, mut instance) = (None, Vec::new(), None);
    for (kind, text) in documents(&text[first..]) {
        if body.is_none() && kind.starts_with("10-K") {
            body = Some(text);
        } else if kind == "EX-101.INS" {
            instance = Some(text);
        } else if kind.starts_with("EX-") {
            exhibits.push((kind, text));
        }
    }
    let body = body.ok_or_else(|| "it has no document of type 10-K".to_owned())?;
    Ok(Submission { about, body, exhibits, instance })
}

/// The documents of a submission: type in capitals, and text.
fn documents(text: &str) -> Vec<(String, &str)> {
    let mut documents = Vec::new();
    let mut at = 0;
    while let Some(start) = find(&text[at..], "<DOCUMENT>") {
        let document = &text[at + start..];
        let end = find(document, "</DOCUMENT>").unwrap_or(document.len());
        let document = &document[..end];
        if let Some(kind) =
            find(document, "<TYPE>").map(|from| document[from + 6..].lines().next().unwrap_or("").trim())
        {
            let from = find(document, "<TEXT>").map_or(0, |from| from + 6);
            let to = find(document, "</TEXT>").unwrap_or(document.len()).max(from);
            documents.push((kind.to_uppercase(), &document[from..to]));
        }
        at += start + end.max("<DOCUMENT>".len());
        if at >= text.len() {
            break;
        }
    }
    documents
}

fn find(text: &str, tag: &str) -> Option<usize> {
    text.find(tag).or_else(|| text.find(&tag.to_lowercase()))
}

fn header(text: &str) -> About {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.trim().split_once(':')?;
            (key.trim().eq_ignore_ascii_case(name) && !value.trim().is_empty())
                .then(|| value.trim().to_owned())
        })
    };
    let date = |digits: String| {
        (digits.len() == 8).then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
    };
    About {
        cik: field("CENTRAL INDEX KEY").and_then(|cik| cik.parse().ok()),
        company: field("COMPANY CONFORMED NAME"),
        ticker: None,
        year: field("CONFORMED PERIOD OF REPORT").and_then(|period| period.get(..4)?.parse().ok()),
        form: field("CONFORMED SUBMISSION TYPE"),
        accession: field("ACCESSION NUMBER"),
        filed: field("FILED AS OF DATE").and_then(date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBMISSION: &str = "<SEC-DOCUMENT>0000000001-24-000007.txt\n<SEC-HEADER>\nACCESSION NUMBER:\t\t0000000001-24-000007\n\
        CONFORMED SUBMISSION TYPE:\t10-K\nCONFORMED PERIOD OF REPORT:\t20231231\nFILED AS OF DATE:\t\t20240131\n\
        \tCOMPANY DATA:\n\t\tCOMPANY CONFORMED NAME:\t\t\tEXAMPLE WORKS INC\n\t\tCENTRAL INDEX KEY:\t\t\t0000000001\n</SEC-HEADER>\n\
        <DOCUMENT>\n<TYPE>EX-21\n<TEXT>\nno\n</TEXT>\n</DOCUMENT>\n<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n<p>yes</p>\n</TEXT>\n</DOCUMENT>\n";

    #[test]
    fn the_10_k_among_the_documents() {
        let read = read(SUBMISSION).unwrap();
        assert_eq!(read.body.trim(), "<p>yes</p>");
        assert_eq!((read.about.cik, read.about.year), (Some(1), Some(2023)));
        assert_eq!(read.about.company.as_deref(), Some("EXAMPLE WORKS INC"));
        assert_eq!(read.about.filed.as_deref(), Some("2024-01-31"));
    }

    #[test]
    fn exhibits_come_along() {
        let with = SUBMISSION.replace("<TYPE>EX-21", "<TYPE>ex-13.1");
        let exhibits = super::read(&with).unwrap().exhibits;
        assert_eq!(exhibits, [("EX-13.1".to_owned(), "\nno\n")]);
    }

    #[test]
    fn a_submission_without_a_10_k_is_refused() {
        let other = SUBMISSION.replace("<TYPE>10-K", "<TYPE>8-K");
        assert!(super::read(&other).is_err());
    }
}

//! Finding metrics: by the words analysts use, by a label of the data, by its key or tag.

use super::MetricMention;
use super::asked::{ASKED, BETWEEN, NEAR, NOT, SPELT_OUT};
use super::words::{Word, stems, words};
use crate::tables::facts::Facts;

/// A label of the data as words.
#[derive(Debug)]
struct Label {
    key: String,
    label: String,
    gaap: Option<String>,
    /// Words a question must have.
    must: Vec<String>,
    /// Words in brackets: a question may have them, and they tell labels apart.
    may: Vec<String>,
}

/// Everything metrics are known by.
#[derive(Debug, Default)]
pub(crate) struct MetricNames {
    labels: Vec<Label>,
}

const EMPTY_WORDS: &[&str] = &["and", "of", "the", "to", "in", "for", "on", "a", "by", "or", "at", "with"];

/// A found metric: the words it covers, and how well.
#[derive(Debug)]
struct Candidate {
    mention: MetricMention,
    at: Vec<usize>,
    unmet: usize,
}

impl MetricNames {
    pub(crate) fn new(facts: &Facts) -> Self {
        let labels = facts
            .metrics
            .iter()
            .map(|metric| {
                let (outside, inside) = match metric.label.split_once('(') {
                    Some((outside, inside)) => (outside.to_owned(), inside.replace(')', " ")),
                    None => (metric.label.clone(), String::new()),
                };
                Label {
                    key: metric.key.clone(),
                    label: metric.label.clone(),
                    gaap: metric.gaap.as_ref().map(|tag| local(tag).to_lowercase()),
                    must: content(&outside),
                    may: content(&inside),
                }
            })
            .collect();
        Self { labels }
    }

    /// Every metric of a question, in order of mention.
    pub(crate) fn find(&self, question: &str) -> Vec<MetricMention> {
        let mut text = question.replace(['’', '‘'], "'").to_lowercase();
        for (long, short) in SPELT_OUT {
            text = text.replace(long, short);
        }
        let words = words(&text);
        let mut found = self.by_key(&words);
        found.extend(asked(&words));
        found.extend(self.by_label(&words));
        let blocked = spans(&words, NOT);
        found.retain(|candidate| {
            !blocked.iter().any(|span| {
                candidate.at.iter().all(|at| span.contains(at)) && span.len() > candidate.at.len()
            })
        });
        // The more words a name covers, the more exactly it was meant: "gross profit" is no "profit".
        let mut kept: Vec<Candidate> = Vec::new();
        found.sort_by_key(|candidate| (std::cmp::Reverse(candidate.at.len()), candidate.unmet));
        for candidate in found {
            let within = kept.iter().any(|known| candidate.at.iter().all(|at| known.at.contains(at)));
            if !within {
                kept.push(candidate);
            }
        }
        kept.sort_by_key(|candidate| candidate.at.first().copied());
        let mut mentions: Vec<MetricMention> = Vec::new();
        for candidate in kept {
            if !mentions.iter().any(|known| known.key == candidate.mention.key) {
                mentions.push(candidate.mention);
            }
        }
        mentions
    }

    /// A key with an underscore or a tag, as from a data dictionary.
    fn by_key(&self, words: &[Word<'_>]) -> Vec<Candidate> {
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let label = self.labels.iter().find(|label| {
                (label.key == word.lower && word.lower.contains('_'))
                    || (word.lower.len() > 12 && label.gaap.as_deref() == Some(word.lower.as_str()))
            });
            found.extend(label.map(|label| label.candidate(words, vec![at], 0)));
        }
        found
    }

    fn by_label(&self, words: &[Word<'_>]) -> Vec<Candidate> {
        let place = |stem: &String| words.iter().position(|word| word.stem == *stem);
        self.labels
            .iter()
            .filter_map(|label| {
                let mut at: Vec<usize> = label.must.iter().map(place).collect::<Option<_>>()?;
                if at.is_empty() || (at.len() == 1 && label.must[0].len() < 5) {
                    return None;
                }
                let optional: Vec<usize> = label.may.iter().filter_map(place).collect();
                let unmet = label.may.len() - optional.len();
                at.extend(optional);
                at.sort_unstable();
                at.dedup();
                // Words strewn over a question are no name.
                let span = at.last()? - at.first()? + 1;
                (span <= at.len() + 4).then(|| label.candidate(words, at, unmet))
            })
            .collect()
    }
}

impl Label {
    fn candidate(&self, words: &[Word<'_>], at: Vec<usize>, unmet: usize) -> Candidate {
        let matched = at.iter().map(|at| words[*at].typed).collect::<Vec<_>>().join(" ");
        let mention = MetricMention { key: self.key.clone(), label: self.label.clone(), matched };
        Candidate { mention, at, unmet }
    }
}

/// The words of a label that tell it from others.
fn content(text: &str) -> Vec<String> {
    let mut content: Vec<String> =
        stems(text).into_iter().filter(|word| !EMPTY_WORDS.contains(&word.as_str())).collect();
    content.retain(|word| word.chars().any(char::is_alphanumeric));
    content
}

/// A tag without its namespace.
pub(crate) fn local(tag: &str) -> &str {
    tag.rsplit(':').next().unwrap_or(tag)
}

fn asked(words: &[Word<'_>]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for asked in ASKED {
        for span in spans(words, asked.said) {
            let matched = words[span.start].typed.to_owned()
                + &words[span.start + 1..span.end]
                    .iter()
                    .map(|word| format!(" {}", word.typed))
                    .collect::<String>();
            let mention = MetricMention { key: asked.key.to_owned(), label: asked.label.to_owned(), matched };
            found.push(Candidate { mention, at: span.collect(), unmet: 0 });
        }
    }
    for (key, first, second) in NEAR {
        let Some(from) = words.iter().position(|word| word.stem == *first) else { continue };
        let near = words[from + 1..].iter().take(BETWEEN + 1).position(|word| word.stem == *second);
        let asked = ASKED.iter().find(|asked| asked.key == *key);
        if let (Some(near), Some(asked)) = (near, asked) {
            let at = vec![from, from + 1 + near];
            let matched = format!("{} … {}", words[at[0]].typed, words[at[1]].typed);
            let mention = MetricMention { key: (*key).to_owned(), label: asked.label.to_owned(), matched };
            found.push(Candidate { mention, at, unmet: 1 });
        }
    }
    found
}

/// Where phrases stand, as ranges of words.
fn spans(words: &[Word<'_>], phrases: &[&str]) -> Vec<std::ops::Range<usize>> {
    let mut spans = Vec::new();
    for phrase in phrases {
        let phrase = stems(phrase);
        for at in 0..words.len() {
            let here = words.get(at..at + phrase.len());
            if here.is_some_and(|here| here.iter().zip(&phrase).all(|(word, other)| word.stem == *other)) {
                spans.push(at..at + phrase.len());
            }
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::facts::Metric;

    fn names() -> MetricNames {
        let metric = |(key, label, gaap): (&str, &str, &str)| Metric {
            key: key.to_owned(),
            label: label.to_owned(),
            gaap: Some(gaap.to_owned()),
        };
        let metrics = [
            ("revenue", "Revenue", "us-gaap:Revenues"),
            ("net_income", "Net Income", "us-gaap:NetIncomeLoss"),
            (
                "net_income_nci",
                "Net Income – Noncontrolling Interest",
                "us-gaap:NetIncomeLossAttributableToNoncontrollingInterest",
            ),
            ("other_liabilities", "Other Liabilities", "us-gaap:OtherLiabilities"),
            (
                "other_liabilities_noncurrent",
                "Other Liabilities (Noncurrent)",
                "us-gaap:OtherLiabilitiesNoncurrent",
            ),
            (
                "prepaid_expenses_current",
                "Prepaid Expenses (Current)",
                "us-gaap:PrepaidExpenseAndOtherAssetsCurrent",
            ),
            ("dta_nol", "Deferred Tax Assets – NOL", "us-gaap:DeferredTaxAssetsOperatingLossCarryforwards"),
            (
                "dta_nol_foreign",
                "Deferred Tax Assets – NOL Foreign",
                "us-gaap:DeferredTaxAssetsOperatingLossCarryforwardsForeign",
            ),
        ];
        MetricNames::new(&Facts { metrics: metrics.into_iter().map(metric).collect(), ..Facts::default() })
    }

    #[test]
    fn metrics_by_the_words_people_use() {
        let names = names();
        for (question, expected) in [
            ("What was Apple's revenue?", "revenue"),
            ("How did the top line grow?", "revenue"),
            ("net sales of Walmart", "revenue"),
            ("the bottom line", "net_income"),
            ("What profit did it make?", "net_income"),
            ("gross profit", "gross_profit"),
            ("its net profit margin", "net_profit_margin"),
            ("EPS and R&D", "eps rnd"),
            ("earnings per share", "eps"),
            ("capex and free cash flow", "capex free_cash_flow"),
            ("cash flow from operations", "cfo"),
            ("What cash did Exxon Mobil generate from operations?", "cfo"),
            ("Stockholders’ equity", "equity"),
            ("return on equity", "roe"),
            ("debt-to-equity ratio", "debt_to_equity"),
            ("total assets", "total_assets"),
            ("other liabilities", "other_liabilities"),
            ("other noncurrent liabilities", "other_liabilities_noncurrent"),
            ("prepaid expenses", "prepaid_expenses_current"),
            ("deferred tax assets from foreign net operating losses", "dta_nol_foreign"),
            ("net income attributable to noncontrolling interests", "net_income_nci"),
            ("net_income_nci", "net_income_nci"),
            ("us-gaap:NetIncomeLoss", "net_income"),
            ("cost of revenues and advertising revenues", ""),
            ("sales and marketing", ""),
            ("revenue and net income", "revenue net_income"),
        ] {
            let found: Vec<String> = names.find(question).into_iter().map(|metric| metric.key).collect();
            assert_eq!(found.join(" "), expected, "{question}");
        }
    }
}

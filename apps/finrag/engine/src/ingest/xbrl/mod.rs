//! Facts with their periods: tagged in a filing (inline XBRL, or the instance that older submissions carry), and in the SEC's two
//! bulk formats, `companyfacts` JSON and the Financial Statement Data Sets.

mod bulk;
mod companyfacts;
mod concept;
mod fiscal;
mod tagged;

pub(crate) use bulk::{is_data_set, read as read_data_set};
pub(crate) use companyfacts::{is_company_facts, read as read_company_facts};
pub(crate) use tagged::read;

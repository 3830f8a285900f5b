//! The sentences around a source.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::pages::aside;
use super::{shown, wants_fragment};
use crate::App;
use crate::page::{self, Around};

/// The longest sentence id that is passed on.
const LONGEST_ID: usize = 256;

/// How wide to look.
#[derive(Debug, Default, Deserialize)]
pub struct Width {
    around: Option<String>,
}

/// A page, or the passage alone where a page's script opens it in place.
pub async fn source(
    State(app): State<Arc<App>>,
    Path(sentence_id): Path<String>,
    Query(width): Query<Width>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let around = Around::parse(width.around.as_deref());
    let found = if sentence_id.len() <= LONGEST_ID {
        app.backend.neighbours(&sentence_id, around.get()).await
    } else {
        Ok(None)
    };
    let fragment = wants_fragment(&headers);
    let (status, main) = match found {
        Ok(Some(neighbours)) if fragment => (StatusCode::OK, page::passage(&neighbours)),
        Ok(Some(neighbours)) => (StatusCode::OK, page::source(&sentence_id, uri.path(), &neighbours, around)),
        Ok(None) => {
            let advice = "The data may have been refreshed since. Ask again for fresh sources.";
            (StatusCode::NOT_FOUND, said("This sentence is no longer there", advice, fragment, None))
        }
        Err(failure) => {
            let again = html! { p { a.button href=(uri) { "Retry" } } };
            (
                StatusCode::BAD_GATEWAY,
                said(
                    failure.title(),
                    "The passage could not be fetched. Try again in a moment.",
                    fragment,
                    Some(again),
                ),
            )
        }
    };
    let body = if fragment { shown(main) } else { aside(&app, &headers, "Source", &main).await };
    (status, body).into_response()
}

fn said(title: &str, advice: &str, fragment: bool, again: Option<Markup>) -> Markup {
    if fragment {
        page::notice(title, advice, None)
    } else {
        html! {
            (page::message(title, advice))
            @if let Some(again) = again { div.lone { (again) } }
        }
    }
}

//! The backend, as the frontend sees it.

mod client;
mod failure;
mod sse;
mod wire;

pub use client::{Answering, Backend};
pub use failure::Failure;
pub use wire::{
    Company, Health, Kpi, Llm, Meta, Metadata, Metric, Neighbour, Neighbours, Point, QueryContext,
    QueryResponse, Section, Series, Source, SourceKind, StreamEvent,
};

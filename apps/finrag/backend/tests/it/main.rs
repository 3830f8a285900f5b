//! The service over real HTTP: against data of its own, and models and stores that behave and misbehave as told.

mod api;
mod asked;
mod bad_input;
mod bedrock;
mod binary;
mod bodies;
mod corpus;
mod data;
mod embedders;
mod llm_stub;
mod load;
mod lockfiles;
mod markdown;
mod models;
mod query_log;
mod s3_stub;
mod streaming;
mod world;

//! FinRAG's frontend: pages rendered on the server, sessions in memory, answers that stream in.

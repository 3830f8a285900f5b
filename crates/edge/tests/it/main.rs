//! The edge as its clients and instances see it: real sockets on loopback.

mod asleep;
mod classes;
mod ending;
mod first_table;
mod generation;
mod half_closed;
mod http;
mod lab;
mod limits;
mod private;
mod retry;
mod smuggling;
mod websocket;

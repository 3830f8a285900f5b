//! What a question comes to: pure.

use std::net::Ipv4Addr;

use dormouse_model::ZoneRecord;
use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, RData, Record, RecordType, rdata::A},
};

/// Private addresses never change while a service exists, but names come and go with deploys. In seconds.
const TTL: u32 = 5;

/// A second way to write a service's name, for programs that insist on a dot.
const SUFFIX: &str = "internal";

/// What to do with a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Send this back.
    Reply(Vec<u8>),
    /// It is not about a service: ask the host's resolvers.
    Forward,
    /// It is no question at all; an answer would only make us a reflector.
    Ignore,
}

/// Answer `query` for those who ask at this zone's gateway.
pub(crate) fn answer(zone: &ZoneRecord, query: &[u8]) -> Answer {
    let Ok(query) = Message::from_vec(query) else { return Answer::Ignore };
    if query.metadata.message_type != MessageType::Query {
        return Answer::Ignore;
    }
    if query.metadata.op_code != OpCode::Query {
        return refuse(&query, ResponseCode::NotImp);
    }
    let [question] = query.queries.as_slice() else { return refuse(&query, ResponseCode::FormErr) };
    let name = question.name().to_lowercase().to_utf8();
    let name = name.trim_end_matches('.');
    let (service, private) = match name.strip_suffix(SUFFIX).and_then(|n| n.strip_suffix('.')) {
        Some(service) => (service, true),
        None => (name, false),
    };
    let Some(address) = zone.names.get(service) else {
        // Nobody outside knows our suffix.
        return if private { refuse(&query, ResponseCode::NXDomain) } else { Answer::Forward };
    };
    let mut reply = reply_to(&query);
    if question.query_type() == RecordType::A && question.query_class() == DNSClass::IN {
        reply.add_answer(Record::from_rdata(question.name().clone(), TTL, RData::A(A(*address))));
    }
    // Any other type: the name exists and has no such record, which is an empty answer without an error.
    encode(&reply)
}

/// The answer when no resolver could be asked.
pub(crate) fn unreachable(query: &[u8]) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    match refuse(&query, ResponseCode::ServFail) {
        Answer::Reply(reply) => Some(reply),
        Answer::Forward | Answer::Ignore => None,
    }
}

/// Whether an address may ask at this gateway.
pub(crate) fn belongs(zone: &ZoneRecord, address: Ipv4Addr) -> bool {
    zone.blocks().any(|block| block.contains(address))
}

fn reply_to(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.add_queries(query.queries.iter().cloned());
    reply
}

fn refuse(query: &Message, code: ResponseCode) -> Answer {
    let mut reply = reply_to(query);
    reply.metadata.response_code = code;
    encode(&reply)
}

fn encode(reply: &Message) -> Answer {
    reply.to_vec().map_or(Answer::Ignore, Answer::Reply)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use dormouse_model::AddressBlock;
    use expect_test::{Expect, expect};
    use hickory_proto::{op::Query, rr::Name};

    use super::*;

    fn zone() -> ZoneRecord {
        ZoneRecord {
            gateway: [10, 77, 3, 1].into(),
            prefix: 24,
            more: vec![AddressBlock::around([10, 77, 9, 32].into(), 27)],
            project: None,
            names: [("backend".to_owned(), [10, 77, 3, 2].into())].into(),
        }
    }

    fn query(name: &str, kind: RecordType) -> Vec<u8> {
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_str(name).unwrap(), kind));
        query.to_vec().unwrap()
    }

    fn check(name: &str, kind: RecordType, expected: Expect) {
        let shown = match answer(&zone(), &query(name, kind)) {
            Answer::Reply(bytes) => {
                let m = Message::from_vec(&bytes).unwrap();
                let answers: Vec<_> = m.answers.iter().map(|r| r.data.to_string()).collect();
                format!("{:?} {answers:?}", m.metadata.response_code)
            }
            other @ (Answer::Forward | Answer::Ignore) => format!("{other:?}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn questions() {
        check("backend.", RecordType::A, expect![[r#"NoError ["10.77.3.2"]"#]]);
        check("BackEnd.", RecordType::A, expect![[r#"NoError ["10.77.3.2"]"#]]);
        check("backend.internal.", RecordType::A, expect![[r#"NoError ["10.77.3.2"]"#]]);
        check("backend.", RecordType::AAAA, expect!["NoError []"]);
        check("frontend.internal.", RecordType::A, expect!["NXDomain []"]);
        check("frontend.", RecordType::A, expect!["Forward"]);
        check("example.org.", RecordType::A, expect!["Forward"]);
        check("backend.example.org.", RecordType::A, expect!["Forward"]);
    }

    #[test]
    fn no_questions() {
        assert_eq!(answer(&zone(), b""), Answer::Ignore);
        assert_eq!(answer(&zone(), &[0xff; 40]), Answer::Ignore);
        let reply = Message::response(7, OpCode::Query).to_vec().unwrap();
        assert_eq!(answer(&zone(), &reply), Answer::Ignore, "a reply to a reply could go on for ever");
    }

    #[test]
    fn neighbours() {
        for (address, inside) in [
            ([10, 77, 3, 64], true),
            ([10, 77, 4, 64], false),
            ([10, 77, 9, 63], true),
            ([10, 77, 9, 64], false),
            ([192, 0, 2, 1], false),
        ] {
            assert_eq!(belongs(&zone(), address.into()), inside, "{address:?}");
        }
    }
}

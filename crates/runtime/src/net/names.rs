//! What interfaces and tables are called. The kernel allows an interface 15 characters.

use std::net::Ipv4Addr;

use dormouse_backend::NetworkSpec;

/// Names of one server's things.
#[derive(Debug, Clone)]
pub(super) struct Names {
    tag: String,
}

impl Names {
    pub(super) fn new(tag: &str) -> Self {
        Self { tag: tag.to_owned() }
    }

    /// The nftables table.
    pub(super) fn table(&self) -> String {
        format!("dormouse_{}", self.tag)
    }

    /// What every bridge's name begins with.
    pub(super) fn bridges(&self) -> String {
        format!("dm-{}-", self.tag)
    }

    /// The bridge of a project.
    pub(super) fn project(&self, spec: &NetworkSpec) -> String {
        let [_, _, subnet, _] = spec.gateway.octets();
        format!("{}{subnet}", self.bridges())
    }

    /// The bridge of builds.
    pub(super) fn builds(&self) -> String {
        format!("{}{}", self.bridges(), super::builds::SUBNET)
    }

    /// The host's end of the cable to `addr`.
    pub(super) fn cable(&self, addr: Ipv4Addr) -> String {
        let [_, _, subnet, host] = addr.octets();
        format!("dv{}{subnet:02x}{host:02x}", self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_fit() {
        let names = Names::new("0badcafe");
        let all = [names.builds(), names.cable(Ipv4Addr::new(10, 77, 255, 254))];
        assert_eq!(all, ["dm-0badcafe-255", "dv0badcafefffe"]);
        assert!(all.iter().all(|n| n.len() <= 15));
    }
}

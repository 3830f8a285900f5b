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

    /// The bridge of a project: by the third number of its gateway and, where several projects share that, a letter for the
    /// 32 addresses it lies in. A /24 never does.
    pub(super) fn project(&self, spec: &NetworkSpec) -> String {
        let [_, _, subnet, host] = spec.gateway.octets();
        if spec.prefix == 24 {
            return format!("{}{subnet}", self.bridges());
        }
        format!("{}{subnet:02x}{}", self.bridges(), char::from(b'a' + host / 32))
    }

    /// The bridge of builds.
    pub(super) fn builds(&self) -> String {
        format!("{}{}", self.bridges(), super::builds::SUBNET)
    }

    /// The host's end of the cable to `addr`.
    pub(super) fn cable(&self, addr: Ipv4Addr) -> String {
        let [_, _, subnet, host] = addr.octets();
        format!("{}{subnet:02x}{host:02x}", self.cables())
    }

    fn cables(&self) -> String {
        format!("dv{}", self.tag)
    }

    /// The address of the pool that a cable leads to; `None` when that is no name of a cable of ours.
    pub(super) fn at_the_end_of(&self, cable: &str, pool: Ipv4Addr) -> Option<Ipv4Addr> {
        let host = cable.strip_prefix(&self.cables())?;
        let host = u16::from_str_radix(host, 16).ok().filter(|_| host.len() == 4)?;
        Some(Ipv4Addr::from_bits(pool.to_bits() | u32::from(host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_fit() {
        let names = Names::new("0badcafe");
        let project = |gateway, prefix| {
            let project = "shop".parse().unwrap();
            names.project(&NetworkSpec { project, gateway, prefix, more: vec![], vips: vec![] })
        };
        let all = [
            names.builds(),
            names.cable(Ipv4Addr::new(10, 77, 255, 254)),
            project([10, 77, 31, 1].into(), 24),
            project([10, 77, 31, 1].into(), 27),
            project([10, 77, 254, 225].into(), 27),
            project([10, 77, 16, 1].into(), 22),
        ];
        assert_eq!(
            all,
            [
                "dm-0badcafe-255",
                "dv0badcafefffe",
                "dm-0badcafe-31",
                "dm-0badcafe-1fa",
                "dm-0badcafe-feh",
                "dm-0badcafe-10a"
            ]
        );
        assert!(all.iter().all(|n| n.len() <= 15));
    }

    #[test]
    fn a_cable_tells_where_it_leads() {
        let (names, pool) = (Names::new("0badcafe"), Ipv4Addr::new(10, 77, 0, 0));
        for addr in [[10, 77, 0, 1], [10, 77, 255, 254], [10, 77, 31, 9]].map(Ipv4Addr::from) {
            assert_eq!(names.at_the_end_of(&names.cable(addr), pool), Some(addr));
        }
        for other in
            ["dv0badcafe", "dv0badcafef", "dv0badcafe00zz", "dvbadcafe01234", "dm-0badcafe-255", "eth0"]
        {
            assert_eq!(names.at_the_end_of(other, pool), None, "{other}");
        }
    }
}

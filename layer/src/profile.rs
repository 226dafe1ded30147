//! Sectors as data: what the law and practice of each ask for by default.
//!
//! Each figure carries a mark that says how it is known: `V` read in the source's own text, `S` from a secondary
//! source, `M` from memory, `C` a convention of this project. None of it is legal advice.

use std::fmt;
use std::str::FromStr;

use crate::policy::{Period, Retention};

/// The sector a service works in; it sets how long each channel is kept by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sector {
    /// None of the others.
    #[default]
    Generic,
    /// Care, and records of patients.
    Health,
    /// Schools and universities.
    Education,
    /// Shops that take card payments.
    Ecommerce,
}

impl Sector {
    /// All sectors.
    pub const ALL: [Sector; 4] = [Sector::Generic, Sector::Health, Sector::Education, Sector::Ecommerce];

    /// The name used in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Sector::Generic => "generic",
            Sector::Health => "health",
            Sector::Education => "education",
            Sector::Ecommerce => "ecommerce",
        }
    }

    /// The time limits of a channel; channels of a user's own are kept like `app`.
    pub(crate) fn retention(self, channel: &str) -> Retention {
        use Sector::{Ecommerce, Education, Generic, Health};
        let row = match (self, channel) {
            (Health, "audit") => &HEALTH_ACCESS,
            (Ecommerce, "audit" | "security") => &CARDS,
            (Ecommerce, "scheduler") => &CARDS_JOBS,
            (_, "audit" | "security") => &CNIL_YEAR,
            (Health, "api") => &CONVENTION_YEAR,
            (_, "api") => &CNIL_HALF_YEAR,
            (Health, "scheduler") => &PGSSI,
            (_, "scheduler") => &CONVENTION_HALF_YEAR,
            (_, "generation") => &CONVENTION_YEAR,
            (Health | Education, _) => &CONVENTION_MONTH,
            (Generic | Ecommerce, _) => &CONVENTION_QUARTER,
        };
        row.retention()
    }
}

impl fmt::Display for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sector {
    type Err = UnknownSector;

    fn from_str(text: &str) -> Result<Sector, UnknownSector> {
        Sector::ALL.into_iter().find(|s| s.name() == text).ok_or(UnknownSector)
    }
}

/// The text names no sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSector;

impl fmt::Display for UnknownSector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a sector; there are generic, health, education and ecommerce")
    }
}

impl std::error::Error for UnknownSector {}

struct Row {
    floor: Period,
    default: Period,
    ceiling: Period,
    hot: Option<Period>,
    source: &'static str,
    legal_basis: &'static str,
    justified: Option<(&'static str, &'static str)>,
}

impl Row {
    fn retention(&self) -> Retention {
        Retention {
            floor: self.floor,
            default: self.default,
            ceiling: self.ceiling,
            hot: self.hot,
            source: self.source.to_owned(),
            legal_basis: Some(self.legal_basis.to_owned()),
            case: self.justified.map(|(case, _)| case.to_owned()),
            document: self.justified.map(|(_, document)| document.to_owned()),
        }
    }
}

const SECURITY_OF_PROCESSING: &str = "GDPR Art. 6(1)(f) and 32: security of the processing [M]";

/// The band of six to twelve months, its upper end: what happened is often asked about a year later.
const CNIL_YEAR: Row = Row {
    floor: Period::months(6),
    default: Period::months(12),
    ceiling: Period::months(12),
    hot: None,
    source: "CNIL 2021-122, 6 to 12 months rolling [V: CNIL page of 2024-03-14; S: the deliberation]",
    legal_basis: SECURITY_OF_PROCESSING,
    justified: None,
};

/// The lower end, for what is voluminous and says less.
const CNIL_HALF_YEAR: Row = Row { default: Period::months(6), ..CNIL_YEAR };

/// Accesses to health records: documented internal control, and the access information patients may ask for.
const HEALTH_ACCESS: Row = Row {
    floor: Period::months(36),
    default: Period::months(36),
    ceiling: Period::months(36),
    hot: None,
    source: "CNIL 2021-122, up to 3 years for documented internal control [S]; EHDS 2025/327 Art. 9, at least 3 years [S]",
    legal_basis: "GDPR Art. 6(1)(c) and 9(2)(h): lawful access to health data [M]",
    justified: Some((
        "internal control of accesses to health records",
        "EHDS 2025/327 Art. 9, with the controller's own written justification",
    )),
};

const CARDS: Row = Row {
    floor: Period::months(12),
    default: Period::months(12),
    ceiling: Period::months(12),
    hot: Some(Period::months(3)),
    source: "PCI DSS 4.0.1 10.5.1, at least 12 months, 3 of them at hand [V]; CNIL 2021-122, at most 12 [V, S]",
    legal_basis: SECURITY_OF_PROCESSING,
    justified: None,
};

const CARDS_JOBS: Row = Row { hot: None, ..CARDS };

const PGSSI: Row = Row {
    floor: Period::months(6),
    default: Period::months(6),
    ceiling: Period::months(6),
    hot: None,
    source: "PGSSI-S, 6 months, then erased unless justified [S]",
    legal_basis: SECURITY_OF_PROCESSING,
    justified: None,
};

const CONVENTION_YEAR: Row = Row {
    floor: Period::months(6),
    source: "convention: within the 6 to 12 months of CNIL 2021-122 [C]",
    ..CNIL_YEAR
};

const CONVENTION_HALF_YEAR: Row =
    Row { floor: Period::months(1), default: Period::months(6), ..CONVENTION_YEAR };

/// Diagnostics: long enough to find a fault, short because nobody knows what they hold.
const CONVENTION_QUARTER: Row = Row {
    floor: Period::months(1),
    default: Period::months(3),
    source: "convention: diagnostics are kept for a quarter [C]",
    ..CNIL_YEAR
};

/// The same where those concerned are patients or minors.
const CONVENTION_MONTH: Row = Row {
    floor: Period::days(7),
    default: Period::months(1),
    source: "convention: diagnostics are kept for a month where people are vulnerable [C]",
    ..CNIL_YEAR
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;

    #[test]
    fn defaults_are_those_of_the_table() {
        let table = [
            ("audit", ["P12M", "P3Y", "P12M", "P12M"]),
            ("security", ["P12M", "P12M", "P12M", "P12M"]),
            ("api", ["P6M", "P12M", "P6M", "P6M"]),
            ("scheduler", ["P6M", "P6M", "P6M", "P12M"]),
            ("generation", ["P12M", "P12M", "P12M", "P12M"]),
            ("app", ["P3M", "P1M", "P1M", "P3M"]),
        ];
        for (channel, row) in table {
            let defaults = Sector::ALL.map(|s| s.retention(channel).default.to_string());
            assert_eq!(defaults, row, "{channel}");
        }
    }

    #[test]
    fn every_default_obeys_its_own_rules_and_carries_a_mark() {
        for sector in Sector::ALL {
            for channel in Channel::BUILT_IN {
                let retention = sector.retention(channel);
                assert_eq!(retention.problems("k"), [], "{sector} {channel}");
                assert!(
                    ["[V", "[S", "[M", "[C"].iter().any(|m| retention.source.contains(m)),
                    "{sector} {channel}"
                );
            }
        }
    }

    #[test]
    fn cards_need_three_months_at_hand() {
        assert_eq!(Sector::Ecommerce.retention("audit").hot, Some(Period::months(3)));
    }
}

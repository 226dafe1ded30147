//! What the law and the standards ask, as far as it was gathered for this project, and how each line is known.
//!
//! None of it is legal advice.

/// One line of a text.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Clause {
    /// Short, for rules to name it.
    pub id: &'static str,
    /// The text and the place in it.
    pub source: &'static str,
    /// What it asks, in a few words.
    pub asks: &'static str,
    /// How we know.
    pub mark: Mark,
    /// What no rule of the suite shows; empty if nothing.
    pub open: &'static str,
}

/// How a line is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Mark {
    /// Read in the source's own text.
    Verified,
    /// From a secondary source.
    Secondary,
    /// From memory.
    Memory,
    /// A convention of this project.
    Convention,
}

impl Mark {
    /// All marks.
    pub const ALL: [Mark; 4] = [Mark::Verified, Mark::Secondary, Mark::Memory, Mark::Convention];

    /// The letter that stands for it everywhere in this project.
    pub fn letter(self) -> char {
        match self {
            Mark::Verified => 'V',
            Mark::Secondary => 'S',
            Mark::Memory => 'M',
            Mark::Convention => 'C',
        }
    }

    /// What the letter means.
    pub fn means(self) -> &'static str {
        match self {
            Mark::Verified => "read in the source's own text",
            Mark::Secondary => "from a secondary source",
            Mark::Memory => "from memory, to be checked before it is relied on",
            Mark::Convention => "a convention of this project",
        }
    }
}

use Mark::{Memory, Secondary, Verified};

const fn clause(
    id: &'static str,
    source: &'static str,
    asks: &'static str,
    mark: Mark,
    open: &'static str,
) -> Clause {
    Clause { id, source, asks, mark, open }
}

/// Every clause, those without a rule among them: what is not covered is part of the answer.
pub static CLAUSES: &[Clause] = &[
    clause(
        "asvs-inventory",
        "OWASP ASVS 5.0, 16.1.1 and 16.2.3",
        "An inventory of logs; writing only there.",
        Verified,
        "Logs that the service writes without this layer.",
    ),
    clause(
        "asvs-content",
        "OWASP ASVS 5.0, 16.2.1, 16.2.2 and 16.2.4",
        "When, where, who, what; times in UTC; one format.",
        Verified,
        "That the service names who acted.",
    ),
    clause(
        "asvs-protection",
        "OWASP ASVS 5.0, 16.2.5, 14.2.4 and 14.2.7",
        "Logging by level of protection; scheduled deletion.",
        Verified,
        "That the purge is scheduled and runs; copies that this policy does not name.",
    ),
    clause(
        "asvs-events",
        "OWASP ASVS 5.0, 16.3.1 to 16.3.4",
        "Authentication, refused authorisation, attempts at bypass, failures of controls are logged.",
        Verified,
        "Which events the service logs.",
    ),
    clause(
        "asvs-injection",
        "OWASP ASVS 5.0, 16.4.1",
        "Log entries cannot be forged by what is logged.",
        Verified,
        "",
    ),
    clause(
        "asvs-unmodifiable",
        "OWASP ASVS 5.0, 16.4.2 and 16.4.3",
        "Logs cannot be modified, and go to a separate system.",
        Verified,
        "Protection against whoever holds the signing key, as the service's own user and root do; a copy elsewhere.",
    ),
    clause(
        "owasp-logging",
        "OWASP Logging Cheat Sheet",
        "A failure of logging stops nothing and is noticed; access to logs is recorded.",
        Verified,
        "That reading the logs is recorded.",
    ),
    clause(
        "cnil-logging",
        "CNIL deliberation 2021-122",
        "Logs of 6 to 12 months, rolling; up to 3 years for documented internal control.",
        Secondary,
        "That the purge runs; the content of each entry. The CNIL page of 2024-03-14, which says the same, was read itself [V].",
    ),
    clause(
        "gdpr-principles",
        "GDPR, Art. 5(1)(c), (e), (f), 25 and 32",
        "Minimise, limit in time, secure; by design and by default.",
        Memory,
        "That the purge runs: what it would leave past a ceiling is told.",
    ),
    clause(
        "gdpr-access",
        "GDPR, Art. 15 and 20",
        "Access to one's data, and its portability.",
        Memory,
        "All of it.",
    ),
    clause(
        "gdpr-erasure",
        "GDPR, Art. 17 and 12(3)",
        "Erasure within one month, with its exceptions.",
        Memory,
        "All of it.",
    ),
    clause("gdpr-restriction", "GDPR, Art. 18", "Restriction: kept and not used.", Memory, "All of it."),
    clause(
        "gdpr-register",
        "GDPR, Art. 30(1)(f)",
        "A register with time limits for erasure.",
        Memory,
        "The register itself: the policy's periods and reasons are a part of it.",
    ),
    clause(
        "gdpr-breach",
        "GDPR, Art. 33(5)",
        "A record of breaches, told within 72 hours.",
        Memory,
        "All of it.",
    ),
    clause(
        "legal-hold",
        "GDPR, Art. 17(3)(e) and 18(1)(c)",
        "What is held for a claim is not erased.",
        Secondary,
        "That a hold is set where one is needed; erasure of single records, which this version does not know.",
    ),
    clause(
        "pci-events",
        "PCI DSS 4.0.1, 10.2.1.1 to 10.2.1.7",
        "Seven kinds of events are logged.",
        Verified,
        "Which events the service logs.",
    ),
    clause(
        "pci-content",
        "PCI DSS 4.0.1, 10.2.2",
        "User, type, date and time, outcome, origin, resource.",
        Verified,
        "That the service gives them: the schema has room for each, and requires the time alone.",
    ),
    clause(
        "pci-integrity",
        "PCI DSS 4.0.1, 10.3.1 to 10.3.4",
        "Read by need; no modification; a prompt copy; detection of changes.",
        Verified,
        "Copies; detection of changes by whoever holds the signing key.",
    ),
    clause(
        "pci-retention",
        "PCI DSS 4.0.1, 10.5.1",
        "At least 12 months, 3 of them at hand.",
        Verified,
        "That the purge runs; the sector's own limits are checked in ecommerce alone.",
    ),
    clause(
        "pci-failure",
        "PCI DSS 4.0.1, 10.6, 10.7.2 and 10.7.3",
        "Synchronised time; a failure of logging is noticed, with duration and cause.",
        Verified,
        "Synchronisation of the clock; duration of a failure.",
    ),
    clause(
        "pci-3",
        "PCI DSS 4.0.1, 3.3.1, 3.4.1 and 3.5.1.1",
        "No authentication data; no card number in the clear; hashes keyed.",
        Verified,
        "Hashes of card numbers.",
    ),
    clause(
        "hipaa-audit",
        "HIPAA, 45 CFR 164.312(b)",
        "Activity is recorded, and can be examined.",
        Verified,
        "Which activity the service records; its examination.",
    ),
    clause(
        "hipaa-retention",
        "HIPAA, 45 CFR 164.316(b)(2)(i)",
        "Documentation is kept for 6 years: whether logs are meant is a matter of interpretation.",
        Secondary,
        "All of it.",
    ),
    clause(
        "pgssi",
        "PGSSI-S, PSSI 7.2",
        "Every health application leaves traces; 6 months, then erased unless justified.",
        Verified,
        "That the purge runs; the sector's own limits are checked in health alone. The 6 months are from CSP R6113-9-2 [S].",
    ),
    clause(
        "hds",
        "HDS v2, requirements 15, 16 and 28 to 31",
        "The client sees who accessed; storage in the EEA; foreign law told.",
        Verified,
        "All of it.",
    ),
    clause(
        "ehds",
        "EHDS, Regulation 2025/327, Art. 9",
        "Information on accesses for at least 3 years: who, whose, which categories, when.",
        Secondary,
        "The content of each entry; checked in the sector health alone.",
    ),
    clause(
        "nis2",
        "NIS2, Implementing Regulation 2024/2690, 3.2",
        "Twelve families of events; thresholds and alarms; availability watched independently.",
        Verified,
        "All of it.",
    ),
    clause(
        "anssi",
        "ANSSI-PA-012, R3 to R5, R8, R12 and R21 to R27",
        "UTC, sizing, quota, rotation, deletion, separate rights to write, read and delete.",
        Verified,
        "Quota; that the purge runs; separate rights of the operating system to read and to delete.",
    ),
    clause(
        "secnumcloud",
        "SecNumCloud 3.2, 12.6, 12.7 and 19.2",
        "At least 6 months; data, administration and logs in the EU.",
        Verified,
        "All of it.",
    ),
    clause(
        "iso-deletion",
        "ISO/IEC 27001:2022, A.8.10",
        "Information is deleted when it is not needed.",
        Verified,
        "All of it.",
    ),
    clause("iso-masking", "ISO/IEC 27001:2022, A.8.11", "Data is masked.", Verified, ""),
    clause(
        "iso-logging",
        "ISO/IEC 27001:2022, A.8.15",
        "Logs are produced, stored and protected.",
        Verified,
        "Analysis; protection against the service's own user and root.",
    ),
    clause(
        "iso-monitoring",
        "ISO/IEC 27001:2022, A.8.16 and A.8.17",
        "Behaviour is monitored; clocks are synchronised.",
        Verified,
        "All of it.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rules::RULES;

    #[test]
    fn ids_are_unique_and_a_clause_without_a_rule_is_open_as_a_whole() {
        let ids: BTreeSet<&str> = CLAUSES.iter().map(|clause| clause.id).collect();
        assert_eq!(ids.len(), CLAUSES.len());
        for clause in CLAUSES {
            let supported = RULES.iter().any(|rule| rule.clauses.contains(&clause.id));
            assert!(supported || !clause.open.is_empty(), "{} has no rule and nothing open", clause.id);
            assert!(!supported || clause.open != "All of it.", "{} has a rule and all open", clause.id);
        }
    }
}

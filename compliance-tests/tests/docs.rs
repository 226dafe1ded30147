//! The documentation says what the code does.

use std::path::Path;

#[test]
fn the_page_on_redaction_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/redaction.md");
    let wanted = dihya_compliance::document();
    if std::env::var_os("DIHYA_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == wanted,
        "docs/redaction.md is old: DIHYA_UPDATE_DOCS=1 cargo test -p dihya-compliance --test docs"
    );
}

#[test]
fn the_page_names_every_detector_and_every_class() {
    let page = dihya_compliance::document();
    for detector in dihya::inspect::detectors() {
        assert!(page.contains(&format!("| `{}` |", detector.name)), "{}", detector.name);
        assert!(!page.contains(&detector.example()), "an example of {} is on the page", detector.name);
    }
    for class in &dihya_compliance::CLASSES {
        assert!(page.contains(&format!("| {} | {} |", class.number, class.name)));
    }
}

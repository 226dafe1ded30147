//! The examples are programs: `clinic`, a whole web service, and `quickstart`, the README's ten lines.

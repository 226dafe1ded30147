//! The walk through the folders: what each name means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{Datelike as _, NaiveDate};

use super::id::is_channel;
use super::{Base, Catalog, CatalogError, Imported, Places, Shard, ShardId, State};
use crate::bundle::{IMPORTED, SUMS};
use crate::journal::shard::{self, Name};
use crate::storage::{Kind, Stat, Storage};

type Result<T> = std::result::Result<T, CatalogError>;

pub(super) fn read(storage: &dyn Storage, places: &Places, now: i64) -> Result<Catalog> {
    let mut walk = Walk { storage, today: shard::day(now.saturating_sub(TURN)), catalog: Catalog::default() };
    for (index, root) in places.roots.iter().enumerate() {
        match storage.stat(root).map_err(CatalogError::io(root))? {
            Some(stat) if stat.kind == Kind::Dir => walk.root((index, root), places)?,
            Some(_) => return Err(CatalogError::NotAFolder { path: root.clone() }),
            None if index > 0 => {}
            None => return Err(CatalogError::NoRoot { path: root.clone() }),
        }
    }
    for archive in &places.archives {
        walk.archives(archive, places)?;
    }
    let mut catalog = walk.catalog;
    catalog.shards.sort_by(|a, b| order(a).cmp(&order(b)));
    // A policy may name a log's own archive.
    catalog.shards.dedup_by(|a, b| a.path == b.path);
    catalog.orphans.sort_unstable();
    catalog.foreign.sort_unstable();
    Ok(catalog)
}

fn order(shard: &Shard) -> (&Option<String>, &ShardId, State, &Path) {
    (&shard.instance, &shard.id, shard.state, &shard.path)
}

struct Walk<'a> {
    storage: &'a dyn Storage,
    today: NaiveDate,
    catalog: Catalog,
}

/// The names in one folder, sorted by what lies there.
#[derive(Default)]
struct Listing {
    files: Vec<(String, PathBuf, Stat)>,
    folders: Vec<(String, PathBuf)>,
    /// Links, sockets, names that are no text.
    others: Vec<(String, PathBuf)>,
}

impl Walk<'_> {
    /// A root is the base of a process without an instance's name, or holds one per instance, or both.
    fn root(&mut self, (index, root): (usize, &Path), places: &Places) -> Result<()> {
        let only = places.instance.as_deref();
        let listing = self.list(root)?;
        let mut instances = Vec::new();
        let mut own = Listing { files: listing.files, others: listing.others, ..Listing::default() };
        for (name, path) in listing.folders {
            let inside = if OWN_FOLDERS.contains(&name.as_str()) { None } else { Some(self.list(&path)?) };
            match inside {
                Some(inside) if !is_channel_folder(&inside) && self.is_base(&inside)? => {
                    instances.push((name, path, inside));
                }
                _ => own.folders.push((name, path)),
            }
        }
        let imports = own.folders.iter().find(|(name, _)| name == IMPORTED).map(|(_, path)| path.clone());
        // A root into which other logs were imported, and which has none of its own.
        let nothing_else = imports.is_some() && own.folders.len() == 1 && own.files.is_empty();
        if let Some(imports) = imports {
            self.imports(&imports, root)?;
        }
        if only.is_none() && !nothing_else && (instances.is_empty() || self.is_base(&own)?) {
            self.base(places.base(index, root.to_owned(), None), own)?;
        }
        for (name, path, inside) in instances {
            if only.is_none_or(|only| only == name) {
                self.base(places.base(index, path, Some(&name)), inside)?;
            }
        }
        Ok(())
    }

    /// Whether a process wrote here: its lock, its ledger, its archive or one of its channels.
    fn is_base(&self, listing: &Listing) -> Result<bool> {
        if listing.files.iter().any(|(name, ..)| name == LOCK)
            || listing.folders.iter().any(|(name, _)| BASE_FOLDERS.contains(&name.as_str()))
        {
            return Ok(true);
        }
        for (name, path) in listing.folders.iter().filter(|(name, _)| is_channel(name)) {
            if !OWN_FOLDERS.contains(&name.as_str()) && is_channel_folder(&self.list(path)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn base(&mut self, base: Base, listing: Listing) -> Result<()> {
        for (name, path, _) in &listing.files {
            if name != LOCK {
                self.catalog.foreign.push(path.clone());
            }
        }
        let channels: Vec<&str> = listing.folders.iter().map(|(name, _)| name.as_str()).collect();
        for (name, path) in &listing.others {
            let of_channel =
                name.strip_suffix(".log").or_else(|| name.strip_prefix('.')?.strip_suffix(".log.new"));
            if !of_channel.is_some_and(|channel| channels.contains(&channel)) {
                self.catalog.foreign.push(path.clone());
            }
        }
        for (name, path) in &listing.folders {
            match name.as_str() {
                "archive" => self.archive(path, &base)?,
                name if OWN_FOLDERS.contains(&name) => {}
                name if is_channel(name) => self.channel(name, path, &base)?,
                _ => self.catalog.foreign.push(path.clone()),
            }
        }
        self.catalog.bases.push(base);
        Ok(())
    }

    /// `imported/<service>/<instance>/<bundle>/<channel>/2026-11-20.jsonl`
    fn imports(&mut self, folder: &Path, root: &Path) -> Result<()> {
        let services = self.list(folder)?;
        self.strangers(&services);
        for (service, path) in services.folders {
            let instances = self.list(&path)?;
            self.strangers(&instances);
            for (instance, path) in instances.folders {
                let bundles = self.list(&path)?;
                self.strangers(&bundles);
                for (_, path) in bundles.folders {
                    let origin = format!("{service}/{instance}");
                    self.import(origin, path, root)?;
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, origin: String, path: PathBuf, root: &Path) -> Result<()> {
        let listing = self.list(&path)?;
        let complete = listing.files.iter().any(|(name, ..)| name == SUMS);
        let mut shards = Vec::new();
        for (channel, folder) in listing.folders.into_iter().filter(|(name, _)| complete && is_channel(name))
        {
            let inside = if OWN_FOLDERS.contains(&channel.as_str()) { continue } else { self.list(&folder)? };
            for (file, file_path, stat) in &inside.files {
                let Some(name) = Name::parse(file, false) else { continue };
                let id = ShardId::new(&channel, name);
                let beside = file_path.with_file_name(format!("{}.checkpoint", id.period()));
                shards.push(Shard {
                    id,
                    instance: Some(origin.clone()),
                    base: path.clone(),
                    path: file_path.clone(),
                    state: State::Closed,
                    bytes: stat.len,
                    checkpoint: inside.files.iter().any(|(_, path, _)| *path == beside).then_some(beside),
                });
            }
        }
        shards.sort_by(|a, b| order(a).cmp(&order(b)));
        self.catalog.imported.push(Imported { origin, path, root: root.to_owned(), shards, complete });
        Ok(())
    }

    fn channel(&mut self, channel: &str, folder: &Path, base: &Base) -> Result<()> {
        let listing = self.list(folder)?;
        let mut newest: BTreeMap<NaiveDate, u32> = BTreeMap::new();
        for name in listing.files.iter().filter_map(|(name, ..)| Name::parse(name, false)) {
            let number = newest.entry(name.day).or_default();
            *number = name.number.max(*number);
        }
        let today = self.today;
        self.shards(channel, base, listing, |file| {
            let name = Name::parse(file, false)?;
            let live = name.day >= today && newest.get(&name.day) == Some(&name.number);
            Some((name, if live { State::Live } else { State::Closed }))
        });
        Ok(())
    }

    /// Sorts the files of a folder into shards, what stands beside them, and others.
    fn shards(
        &mut self,
        channel: &str,
        base: &Base,
        listing: Listing,
        read: impl Fn(&str) -> Option<(Name, State)>,
    ) {
        let mut checkpoints: BTreeMap<Name, PathBuf> = BTreeMap::new();
        let mut found = Vec::new();
        for (file, path, stat) in listing.files {
            if let Some((name, state)) = read(&file) {
                found.push((name, state, path, stat.len));
            } else if let Some(period) = file.strip_suffix(".checkpoint") {
                match Name::parse(&format!("{period}.jsonl"), false) {
                    Some(name) => drop(checkpoints.insert(name, path)),
                    None => self.catalog.foreign.push(path),
                }
            } else if !is_ours(&file) {
                self.catalog.foreign.push(path);
            }
        }
        for (name, state, path, bytes) in &found {
            self.catalog.shards.push(Shard {
                id: ShardId::new(channel, *name),
                instance: base.instance.clone(),
                base: base.path.clone(),
                path: path.clone(),
                state: *state,
                bytes: *bytes,
                checkpoint: checkpoints.get(name).cloned(),
            });
        }
        for (name, ..) in &found {
            checkpoints.remove(name);
        }
        self.catalog.orphans.extend(checkpoints.into_values());
        let folders = listing.folders.into_iter().filter(|(name, _)| !is_ours(name));
        self.catalog.foreign.extend(folders.map(|(_, path)| path));
        self.catalog.foreign.extend(listing.others.into_iter().map(|(_, path)| path));
    }

    /// A folder of archived shards that the policy names: of one base, or with a folder per instance.
    fn archives(&mut self, folder: &Path, places: &Places) -> Result<()> {
        if !matches!(self.storage.stat(folder).map_err(CatalogError::io(folder))?, Some(stat) if stat.kind == Kind::Dir)
        {
            return Ok(()); // made with the first shard that is archived
        }
        let of = |instance: Option<&str>| {
            let known = self.catalog.bases.iter().find(|base| base.instance.as_deref() == instance);
            let root = places.roots.first().cloned().unwrap_or_default();
            known.cloned().unwrap_or_else(|| {
                let path = instance.map_or(root.clone(), |instance| root.join(instance));
                places.base(0, path, instance)
            })
        };
        let mut found = Vec::new();
        let mut flat = false;
        for (name, path) in self.list(folder)?.folders {
            let inside = self.list(&path)?;
            match inside.folders.iter().any(|(name, _)| year(name).is_some()) {
                true => flat = true,
                false => found.push((path, of(Some(&name)))),
            }
        }
        if flat {
            let base = of(places.instance.as_deref());
            return self.archive(folder, &base);
        }
        for (path, base) in found {
            if places.instance.is_none() || places.instance == base.instance {
                self.archive(&path, &base)?;
            }
        }
        Ok(())
    }

    /// `<archive>/<channel>/<yyyy>/<mm>/2026-11-20.jsonl.zst`
    fn archive(&mut self, folder: &Path, base: &Base) -> Result<()> {
        let listing = self.list(folder)?;
        self.strangers(&listing);
        for (channel, path) in listing.folders {
            if !is_channel(&channel) {
                self.catalog.foreign.push(path);
                continue;
            }
            let years = self.list(&path)?;
            self.strangers(&years);
            for (name, path) in years.folders {
                let Some(year) = year(&name) else {
                    self.catalog.foreign.push(path);
                    continue;
                };
                let months = self.list(&path)?;
                self.strangers(&months);
                for (name, path) in months.folders {
                    let month = name.parse().ok().filter(|_| name.len() == 2);
                    let inside = self.list(&path)?;
                    self.shards(&channel, base, inside, |file| {
                        let (plain, encrypted) = match file.strip_suffix(".zst.age") {
                            Some(plain) => (plain, true),
                            None => (file.strip_suffix(".zst")?, false),
                        };
                        let shard = Name::parse(plain, false)?;
                        let here = shard.day.year() == year && Some(shard.day.month()) == month;
                        here.then_some((shard, State::Archived { encrypted }))
                    });
                }
            }
        }
        Ok(())
    }

    /// Whatever lies among folders where only folders belong.
    fn strangers(&mut self, listing: &Listing) {
        let files = listing.files.iter().filter(|(name, ..)| !is_ours(name)).map(|(_, path, _)| path);
        let others = listing.others.iter().map(|(_, path)| path);
        self.catalog.foreign.extend(files.chain(others).cloned());
    }

    fn list(&self, folder: &Path) -> Result<Listing> {
        let mut listing = Listing::default();
        for name in self.storage.list(folder).map_err(CatalogError::io(folder))? {
            let path = folder.join(&name);
            // Gone since it was listed: archived, purged, or a link replaced.
            let Some(stat) = self.storage.stat(&path).map_err(CatalogError::io(&path))? else { continue };
            match (name.into_os_string().into_string(), stat.kind) {
                (Ok(name), Kind::File) => listing.files.push((name, path, stat)),
                (Ok(name), Kind::Dir) => listing.folders.push((name, path)),
                (Ok(name), _) => listing.others.push((name, path)),
                (Err(_), _) => listing.others.push((String::new(), path)),
            }
        }
        Ok(listing)
    }
}

fn is_channel_folder(listing: &Listing) -> bool {
    listing.files.iter().any(|(name, ..)| name == RESERVE || Name::parse(name, false).is_some())
}

/// What the layer and its tools leave in a folder of shards beside the shards: hidden (the reserve, files not finished).
fn is_ours(name: &str) -> bool {
    name.starts_with('.') || name == QUARANTINE
}

fn year(name: &str) -> Option<i32> {
    name.parse().ok().filter(|_| name.len() == 4 && name.bytes().all(|b| b.is_ascii_digit()))
}

/// A writer that looked at the clock just before midnight may finish its batch just after it. Microseconds.
const TURN: i64 = 10 * 60 * 1_000_000;
const LOCK: &str = ".lock";
const RESERVE: &str = ".reserve";
const QUARANTINE: &str = "quarantine";
/// Folders in a base that are ours and are no channels.
const OWN_FOLDERS: [&str; 5] = ["archive", "imported", "ledger", "state", "tiles"];
/// Those of them that say that their parent is a base.
const BASE_FOLDERS: [&str; 2] = ["archive", "ledger"];

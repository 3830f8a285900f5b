//! Many small segments become one.
//!
//! Crash-safe without a lock: the new segment names the ones it replaces, so a reader that sees both counts each row
//! once, and the old ones may be deleted later or never. Two writers that compact at once choose the same oldest
//! segments and thereby the same name, which only one of them can create.

use super::book::{Seen, Stored};
use super::segment;
use super::stats::Sums;
use super::store::{LogPlace, LogStoreError};

/// Segments that are merged at a time.
const BATCH: usize = 32;
/// The beginning of a merged segment's name; segments as first written begin with a year.
const MERGED: &str = "merged-";

/// Merges the oldest segments when there are enough of them. A reader's view does not change.
pub(super) async fn compact(place: &LogPlace, stored: &mut Stored) -> Result<(), LogStoreError> {
    // Cheap guard: only a process that has written or read this many asks the store.
    if stored.seen.keys().filter(|name| !name.starts_with(MERGED)).count() < BATCH {
        return Ok(());
    }
    let names = place.list().await?;
    let mut replaced = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(MERGED)) {
        if let Some((_, replaces)) = place.get(name).await? {
            replaced.extend(replaces);
        }
    }
    let (stale, small): (Vec<_>, Vec<_>) =
        names.into_iter().filter(|name| !name.starts_with(MERGED)).partition(|name| replaced.contains(name));
    for name in &stale {
        place.delete(name).await?;
        stored.seen.remove(name);
    }
    let Some(batch) = small.get(..BATCH) else { return Ok(()) };
    let mut rows = Vec::new();
    for name in batch {
        match place.get(name).await {
            Ok(Some((found, _))) => rows.extend(found),
            // Another process is at it, or a segment is damaged: leave all as it is.
            Ok(None) | Err(LogStoreError::Segment { .. }) => return Ok(()),
            Err(error @ LogStoreError::Store { .. }) => return Err(error),
        }
    }
    let stem = |name: &String| name.trim_end_matches(".parquet").to_owned();
    let name = format!("{MERGED}{}-{}.parquet", stem(&batch[0]), stem(&batch[BATCH - 1]));
    let bytes = segment::encode(&rows, batch)
        .map_err(|source| LogStoreError::Segment { path: name.as_str().into(), source })?;
    place.put(&name, bytes).await?;
    stored.seen.insert(name, Seen { sums: Sums::of(&rows), replaces: batch.to_vec() });
    for name in batch {
        place.delete(name).await?;
        stored.seen.remove(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use finrag_engine::DataRoot;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::super::segment::tests::row;
    use super::super::{LogPace, QueryLog};
    use super::*;

    #[tokio::test]
    async fn many_small_segments_become_few_and_no_row_is_lost_or_counted_twice() {
        let root = DataRoot::with_store(Arc::new(InMemory::new()), Path::from("data"), "memory");
        let place = LogPlace::new(root, "logs/queries");
        let log = QueryLog::new(place.clone(), LogPace::default());
        for n in 0..70 {
            log.push(row(n));
            log.flush().await.expect("written");
        }
        let names = place.list().await.expect("listed");
        assert_eq!(names.iter().filter(|name| name.starts_with(MERGED)).count(), 2);
        assert_eq!(names.len(), 2 + 70 - 64);
        for log in [log, QueryLog::new(place.clone(), LogPace::default())] {
            let stats = log.stats().await.expect("summed");
            assert_eq!((stats.queries, stats.segments, stats.in_memory), (70, names.len(), 0));
        }
    }

    #[tokio::test]
    async fn a_crash_between_merging_and_deleting_counts_nothing_twice() {
        let root = DataRoot::with_store(Arc::new(InMemory::new()), Path::from("data"), "memory");
        let place = LogPlace::new(root, "");
        for name in ["2026-a.parquet", "2026-b.parquet"] {
            place.put(name, segment::encode(&[row(1)], &[]).expect("encodes")).await.expect("put");
        }
        let replaces = ["2026-a.parquet".to_owned()];
        let merged = segment::encode(&[row(1)], &replaces).expect("encodes");
        place.put("merged-1.parquet", merged).await.expect("put");
        let stats = QueryLog::new(place, LogPace::default()).stats().await.expect("summed");
        assert_eq!((stats.queries, stats.segments), (2, 2));
    }
}

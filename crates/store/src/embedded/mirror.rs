//! Rows of the catalog are kept twice, so that a bit that flips in the database shows.
//!
//! SQLite has no checksum over what a row says. Triggers write each row's values, as SQL literals,
//! to the table `mirror` too, whoever changes it. At a start the two are held against each other:
//! a row that differs is named, and nothing is decided by it unseen. The journal needs no mirror,
//! its records have digests and anchors; nor does the projection, which is made of it.

use rusqlite::{Connection, params};

use crate::error::Error;

/// What is mirrored: tables with their columns, of which the first `keys` make the key.
struct Mirrored {
    table: &'static str,
    keys: usize,
    columns: &'static [&'static str],
}

#[rustfmt::skip]
const TABLES: [Mirrored; 9] = [
    Mirrored { table: "meta", keys: 1, columns: &["key", "value"] },
    Mirrored { table: "segments", keys: 1, columns: &["id", "index_name", "file", "row_count", "bytes", "crc32", "min_ms", "max_ms"] },
    Mirrored { table: "replaced", keys: 2, columns: &["segment", "document"] },
    Mirrored { table: "fields", keys: 2, columns: &["index_name", "name", "mapping", "parent", "several", "parameters"] },
    Mirrored { table: "indices", keys: 1, columns: &["name", "json"] },
    Mirrored { table: "templates", keys: 1, columns: &["name", "json"] },
    Mirrored { table: "dropped", keys: 1, columns: &["index_name", "generation"] },
    Mirrored { table: "services", keys: 1, columns: &["name", "json"] },
    Mirrored { table: "runbooks", keys: 1, columns: &["id", "json", "embedding"] },
];

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS mirror(
  of_table TEXT NOT NULL, row TEXT NOT NULL, says TEXT NOT NULL,
  PRIMARY KEY(of_table, row)) WITHOUT ROWID;";

impl Mirrored {
    /// The key as text: of several columns, with a slash between.
    fn key(&self, row: &str) -> String {
        let parts: Vec<String> = self.columns[..self.keys]
            .iter()
            .map(|column| format!("CAST({row}.{column} AS TEXT)"))
            .collect();
        parts.join("||'/'||")
    }

    fn says(&self, row: &str) -> String {
        let parts: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("quote({row}.{column})"))
            .collect();
        parts.join("||','||")
    }

    fn triggers(&self) -> String {
        let table = self.table;
        let (new, old, says) = (self.key("NEW"), self.key("OLD"), self.says("NEW"));
        let put = format!("INSERT OR REPLACE INTO mirror VALUES('{table}', {new}, {says});");
        let gone = format!("DELETE FROM mirror WHERE of_table = '{table}' AND row = {old};");
        format!(
            "CREATE TRIGGER IF NOT EXISTS mirror_{table}_insert AFTER INSERT ON {table} BEGIN {put} END;
             CREATE TRIGGER IF NOT EXISTS mirror_{table}_update AFTER UPDATE ON {table} BEGIN {gone} {put} END;
             CREATE TRIGGER IF NOT EXISTS mirror_{table}_delete AFTER DELETE ON {table} BEGIN {gone} END;"
        )
    }
}

/// Makes table and triggers where they are missing. A folder that gets its mirror now has what is
/// in it mirrored; the caller's transaction makes that one step.
pub fn make(connection: &Connection) -> rusqlite::Result<()> {
    let there = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'mirror'";
    let count: i64 = connection.query_row(there, [], |row| row.get(0))?;
    connection.execute_batch(TABLE)?;
    if count == 0 {
        fill(connection)?;
    }
    TABLES
        .iter()
        .try_for_each(|mirrored| connection.execute_batch(&mirrored.triggers()))
}

fn fill(connection: &Connection) -> rusqlite::Result<()> {
    for mirrored in &TABLES {
        let (table, key, says) = (mirrored.table, mirrored.key("t"), mirrored.says("t"));
        connection.execute_batch(&format!(
            "INSERT OR REPLACE INTO mirror SELECT '{table}', {key}, {says} FROM {table} t"
        ))?;
    }
    Ok(())
}

/// A row that isn't what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Altered {
    pub table: &'static str,
    pub key: String,
    /// The row is there, with other values; else it is gone.
    pub is_there: bool,
    /// What the mirror has of it, as SQL literals; `None`: nothing.
    pub said: Option<String>,
}

impl Altered {
    pub fn what(&self) -> String {
        let state = match (self.is_there, &self.said) {
            (true, Some(_)) => "says something else than was written",
            (true, None) => "was never written by DataPulse",
            (false, _) => "is gone",
        };
        format!("table {}, row {}: {state}", self.table, self.key)
    }
}

/// All rows that differ from their mirror. A folder of an older format has none.
pub fn altered(connection: &Connection) -> Result<Vec<Altered>, Error> {
    if !super::indices::has_table(connection, "mirror")? {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for mirrored in &TABLES {
        let (table, key, says) = (mirrored.table, mirrored.key("t"), mirrored.says("t"));
        let mut other = connection.prepare(&format!(
            "SELECT {key}, m.says FROM {table} t \
             LEFT JOIN mirror m ON m.of_table = '{table}' AND m.row = {key} \
             WHERE m.says IS NOT {says}"
        ))?;
        let mut gone = connection.prepare(&format!(
            "SELECT row, says FROM mirror WHERE of_table = '{table}' AND row IN \
             (SELECT row FROM mirror WHERE of_table = '{table}' EXCEPT SELECT {key} FROM {table} t)"
        ))?;
        for (statement, is_there) in [(&mut other, true), (&mut gone, false)] {
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                found.push(Altered {
                    table,
                    key: row.get(0)?,
                    said: row.get(1)?,
                    is_there,
                });
            }
        }
    }
    Ok(found)
}

/// From here on the row counts as it is: what was found has been named.
pub fn accept(connection: &Connection, altered: &Altered) -> Result<(), Error> {
    let Some(mirrored) = TABLES.iter().find(|known| known.table == altered.table) else {
        return Ok(());
    };
    let (table, key, says) = (mirrored.table, mirrored.key("t"), mirrored.says("t"));
    connection.execute(
        "DELETE FROM mirror WHERE of_table = ?1 AND row = ?2",
        params![table, altered.key],
    )?;
    connection.execute(
        &format!(
            "INSERT OR REPLACE INTO mirror SELECT '{table}', {key}, {says} FROM {table} t WHERE {key} = ?1"
        ),
        params![altered.key],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{TABLES, accept, altered, make};
    use crate::embedded::database::SCHEMA;

    fn mirrored() -> Connection {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(SCHEMA).expect("is made");
        make(&connection).expect("is made");
        connection
    }

    /// As a bit that flips does it: without a trigger.
    fn behind(connection: &Connection, sql: &str) {
        for mirrored in &TABLES {
            for event in ["insert", "update", "delete"] {
                let drop = format!("DROP TRIGGER mirror_{}_{event}", mirrored.table);
                connection.execute_batch(&drop).expect("drops");
            }
        }
        connection.execute_batch(sql).expect("runs");
        make(connection).expect("is made");
    }

    const SEGMENT: &str = "INSERT INTO segments(index_name, file, row_count, bytes, crc32, min_ms, max_ms) \
                           VALUES('a', 'f', 1, 2, 3, 4, NULL)";

    #[test]
    fn what_is_written_changed_and_deleted_is_mirrored() {
        let connection = mirrored();
        for sql in [
            SEGMENT,
            "INSERT OR IGNORE INTO replaced VALUES(1, 'x')",
            "INSERT OR IGNORE INTO replaced VALUES(1, 'x')",
            "INSERT OR REPLACE INTO meta VALUES('k', '1')",
            "INSERT OR REPLACE INTO meta VALUES('k', '2')",
            "INSERT INTO runbooks VALUES('r', '{}', x'00ff')",
            "UPDATE segments SET min_ms = 9",
        ] {
            connection.execute_batch(sql).expect("runs");
            assert_eq!(altered(&connection).expect("looks"), []);
        }
        let count = |connection: &Connection| -> i64 {
            connection
                .query_row("SELECT count(*) FROM mirror", [], |row| row.get(0))
                .expect("counts")
        };
        assert_eq!(count(&connection), 4);
        connection
            .execute_batch("DELETE FROM segments; DELETE FROM replaced")
            .expect("runs");
        assert_eq!(
            (
                count(&connection),
                altered(&connection).expect("looks").len()
            ),
            (2, 0)
        );
    }

    #[test]
    fn what_changes_behind_its_back_is_found_until_it_is_accepted() {
        for (sql, what) in [
            (
                "UPDATE segments SET max_ms = 0",
                "table segments, row 1: says something else than was written",
            ),
            (
                "UPDATE segments SET id = 7",
                "table segments, row 7: was never written by DataPulse",
            ),
            ("DELETE FROM segments", "table segments, row 1: is gone"),
            (
                "UPDATE mirror SET says = 'x'",
                "table segments, row 1: says something else than was written",
            ),
        ] {
            let connection = mirrored();
            connection.execute_batch(SEGMENT).expect("runs");
            behind(&connection, sql);
            let found = altered(&connection).expect("looks");
            assert_eq!(found[0].what(), what);
            for one in &found {
                accept(&connection, one).expect("is accepted");
            }
            assert_eq!(altered(&connection).expect("looks"), []);
        }
    }

    #[test]
    fn a_folder_gets_its_mirror_once() {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(SCHEMA).expect("is made");
        connection.execute_batch(SEGMENT).expect("runs");
        assert_eq!(
            altered(&connection).expect("looks"),
            [],
            "an older folder has none"
        );
        make(&connection).expect("is made");
        assert_eq!(altered(&connection).expect("looks"), []);
        behind(&connection, "UPDATE segments SET crc32 = 0");
        assert_eq!(altered(&connection).expect("looks").len(), 1, "not again");
    }
}

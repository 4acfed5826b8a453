//! Tables as each database spells them: the only place where migrations tell them apart.
//!
//! No table has a foreign key. Rows end one by one, in bounded batches, and their ends are told: a cascade would end as
//! many as there are in one statement, and sessions without a word to the other nodes. The one pair that belongs
//! together is held together otherwise: a refresh token is written by the transaction that holds or has just read its
//! live grant, a grant is pruned once no token names it, and a token without a grant is as good as none. A key would
//! check that again, at the price of a lock on the grant for each rotation.

use sea_orm::sea_query::{ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, DynIden, Statement};
use sea_orm_migration::SchemaManager;

/// Lengths that every database can index. SQLite ignores them.
pub(super) const ID: u32 = 255;
/// A client's id may be a URL. With a subject it makes the longest key, 767 characters: MySQL's limit.
pub(super) const CLIENT_ID: u32 = 512;
pub(super) const DIGEST: u32 = 43;
pub(super) const NAME: u32 = 64;
pub(super) const ADDRESS: u32 = 320;

/// An index beside the primary key.
pub(super) struct IndexOf {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) unique: bool,
}

impl IndexOf {
    fn create(&self, prefix: &str) -> IndexCreateStatement {
        let mut create = Index::create();
        create.name(format!("{prefix}ix_{}", self.name));
        for column in self.columns {
            create.col(*column);
        }
        if self.unique {
            create.unique();
        }
        create
    }
}

pub(super) const fn index(name: &'static str, columns: &'static [&'static str]) -> IndexOf {
    IndexOf {
        name,
        columns,
        unique: false,
    }
}

pub(super) const fn unique(name: &'static str, columns: &'static [&'static str]) -> IndexOf {
    IndexOf {
        name,
        columns,
        unique: true,
    }
}

/// How this database spells a table.
pub(super) struct Schema {
    backend: DbBackend,
    /// Of all text on MySQL and MariaDB: bytes decide, trailing blanks count.
    collation: &'static str,
}

impl Schema {
    pub(super) async fn of(manager: &SchemaManager<'_>) -> Result<Self, DbErr> {
        let backend = manager.get_database_backend();
        let collation = match backend {
            DbBackend::MySql => binary_collation(manager).await?,
            _ => "",
        };
        Ok(Self { backend, collation })
    }

    /// Text that is compared: byte by byte, and so in one order everywhere.
    pub(super) fn key(&self, name: &'static str, length: u32) -> ColumnDef {
        self.optional_key(name, length).not_null().take()
    }

    pub(super) fn optional_key(&self, name: &'static str, length: u32) -> ColumnDef {
        let mut column = ColumnDef::new(name).string_len(length).take();
        if self.backend == DbBackend::Postgres {
            column.extra("COLLATE \"C\"");
        }
        column
    }

    pub(super) fn id(&self, name: &'static str) -> ColumnDef {
        self.key(name, ID)
    }

    pub(super) fn client_id(&self) -> ColumnDef {
        self.key("client_id", CLIENT_ID)
    }

    pub(super) fn digest(&self, name: &'static str) -> ColumnDef {
        self.key(name, DIGEST)
    }

    pub(super) fn text(&self, name: &'static str) -> ColumnDef {
        self.optional_text(name).not_null().take()
    }

    pub(super) fn optional_text(&self, name: &'static str) -> ColumnDef {
        match self.backend {
            // Its `TEXT` ends at 64 KiB.
            DbBackend::MySql => ColumnDef::new(name).custom("MEDIUMTEXT").take(),
            _ => ColumnDef::new(name).text().take(),
        }
    }

    pub(super) fn bytes(&self, name: &'static str) -> ColumnDef {
        self.optional_bytes(name).not_null().take()
    }

    pub(super) fn optional_bytes(&self, name: &'static str) -> ColumnDef {
        match self.backend {
            DbBackend::MySql => ColumnDef::new(name).custom("MEDIUMBLOB").take(),
            _ => ColumnDef::new(name).blob().take(),
        }
    }

    /// Makes a table and its indexes, where they are not there yet. The first columns are the primary key.
    pub(super) async fn create(
        &self,
        manager: &SchemaManager<'_>,
        prefix: &str,
        name: &DynIden,
        key: &[&'static str],
        columns: Vec<ColumnDef>,
        indexes: &[IndexOf],
    ) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(name.clone()).if_not_exists();
        for mut column in columns {
            table.col(&mut column);
        }
        let mut primary = Index::create();
        for column in key {
            primary.col(*column);
        }
        table.primary_key(&mut primary);
        let indexes = indexes.iter().map(|index| index.create(prefix));
        if self.backend == DbBackend::MySql {
            return manager.create_table(self.whole(table, indexes)).await;
        }
        manager.create_table(table).await?;
        for mut index in indexes {
            let index = index.table(name.clone()).if_not_exists().take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    /// Gives a table columns and indexes that it does not have yet. Columns are added one by one, so that every step can
    /// be taken again wherever a migration was interrupted.
    pub(super) async fn extend(
        &self,
        manager: &SchemaManager<'_>,
        prefix: &str,
        name: &DynIden,
        columns: Vec<ColumnDef>,
        indexes: &[IndexOf],
    ) -> Result<(), DbErr> {
        let table = name.to_string();
        for mut column in columns {
            let column_name = column.get_column_name();
            if manager.has_column(&table, &column_name).await? {
                continue;
            }
            let add = Table::alter()
                .table(name.clone())
                .add_column(&mut column)
                .take();
            let added = manager.alter_table(add).await;
            self.unless_there(added, manager.has_column(&table, &column_name))
                .await?;
        }
        for index in indexes {
            let index_name = format!("{prefix}ix_{}", index.name);
            if manager.has_index(&table, &index_name).await? {
                continue;
            }
            let create = index.create(prefix).table(name.clone()).take();
            let created = manager.create_index(create).await;
            self.unless_there(created, manager.has_index(&table, &index_name))
                .await?;
        }
        Ok(())
    }

    /// On MySQL a statement whose node vanished goes on, and stands in the way of the one that takes the step again.
    async fn unless_there(
        &self,
        done: Result<(), DbErr>,
        is_there: impl Future<Output = Result<bool, DbErr>>,
    ) -> Result<(), DbErr> {
        let Err(error) = done else {
            return Ok(());
        };
        if self.backend == DbBackend::MySql && is_there.await? {
            return Ok(());
        }
        Err(error)
    }

    /// On MySQL every statement stands by itself, and an index cannot be made "if not exists". So a table is made with
    /// its indexes: it is there whole or not at all, wherever a migration was interrupted.
    fn whole(
        &self,
        mut table: TableCreateStatement,
        indexes: impl Iterator<Item = IndexCreateStatement>,
    ) -> TableCreateStatement {
        for mut index in indexes {
            table.index(&mut index);
        }
        table
            .engine("InnoDB")
            .character_set("utf8mb4")
            .collate(self.collation)
            .take()
    }
}

pub(super) fn integer(name: &'static str) -> ColumnDef {
    optional_integer(name).not_null().take()
}

pub(super) fn optional_integer(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().take()
}

pub(super) fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

/// The two forks share no collation that compares bytes and pads nothing.
async fn binary_collation(manager: &SchemaManager<'_>) -> Result<&'static str, DbErr> {
    let version = Statement::from_string(DbBackend::MySql, "SELECT VERSION()");
    let row = manager.get_connection().query_one_raw(version).await?;
    let version: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    let is_mariadb = version.is_some_and(|version| version.contains("MariaDB"));
    Ok(if is_mariadb {
        "utf8mb4_nopad_bin"
    } else {
        "utf8mb4_0900_bin"
    })
}

/// A name as PostgreSQL quotes it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

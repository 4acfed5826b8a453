//! Users, their identifiers and their password.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{
    AccountEnd, ChangeEmail, CreateUser, Identifier, PasswordHash, StoreError, StoreResult, User,
    UserChange, UserId, UserStore,
};
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, Func, Order, Query, SelectStatement};
use sea_orm::{DbErr, FromQueryResult, QueryResult};

use crate::SeaOrmStore;
use crate::codec::{from_json, millis, moment, to_json};
use crate::database::{Dialect as _, Run as _, Verb};

const RECORD: &str = "user";

const COLUMNS: [&str; 11] = [
    "id",
    "email",
    "email_verified_at",
    "username",
    "claims",
    "password_hash",
    "created_at",
    "updated_at",
    "disabled_at",
    "mfa_required",
    "delete_at",
];

struct UserRow {
    id: String,
    email: Option<String>,
    email_verified_at: Option<i64>,
    username: Option<String>,
    claims: String,
    password_hash: Option<String>,
    created_at: i64,
    updated_at: i64,
    disabled_at: Option<i64>,
    mfa_required: bool,
    delete_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct PasswordRow {
    password_hash: Option<String>,
}

#[derive(FromQueryResult)]
struct IdRow {
    id: String,
}

#[derive(FromQueryResult)]
struct TakenRow {
    email: Option<String>,
    username: Option<String>,
}

/// By place, not by name. A SQLite connection that has not heard yet that the table was extended takes the quoted name
/// of a new column for a text; it finds out before it reads a row, but the driver remembers the name it had at first.
impl FromQueryResult for UserRow {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            email: row.try_get_by_index(1)?,
            email_verified_at: row.try_get_by_index(2)?,
            username: row.try_get_by_index(3)?,
            claims: row.try_get_by_index(4)?,
            password_hash: row.try_get_by_index(5)?,
            created_at: row.try_get_by_index(6)?,
            updated_at: row.try_get_by_index(7)?,
            disabled_at: row.try_get_by_index(8)?,
            mfa_required: row.try_get_by_index(9)?,
            delete_at: row.try_get_by_index(10)?,
        })
    }
}

impl UserRow {
    fn into_user(self) -> StoreResult<(User, Option<PasswordHash>)> {
        let user = User {
            id: UserId::new(self.id),
            email: self.email,
            email_verified_at: self.email_verified_at.map(moment),
            username: self.username,
            claims: from_json(RECORD, &self.claims)?,
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
            disabled_at: self.disabled_at.map(moment),
            mfa_required: self.mfa_required,
            delete_at: self.delete_at.map(moment),
        };
        Ok((user, self.password_hash.map(PasswordHash::new)))
    }
}

impl SeaOrmStore {
    fn select_user(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns(COLUMNS)
            .from(self.tables.users.clone())
            .and_where(condition)
            .take()
    }

    /// Whose row stood in the way of a new user.
    async fn why_refused(&self, db: &mut Verb, user: &User) -> StoreResult<CreateUser> {
        let mut same = Cond::any().add(Expr::col("id").eq(user.id.as_str()));
        if let Some(email) = &user.email {
            same = same.add(Expr::col("email").eq(email.as_str()));
        }
        if let Some(username) = &user.username {
            same = same.add(Expr::col("username").eq(username.as_str()));
        }
        let select = Query::select()
            .columns(["email", "username"])
            .from(self.tables.users.clone())
            .cond_where(same)
            .take();
        let rows: Vec<TakenRow> = db.all(RECORD, &select).await?;
        if user.email.is_some() && rows.iter().any(|row| row.email == user.email) {
            return Ok(CreateUser::EmailTaken);
        }
        if user.username.is_some() && rows.iter().any(|row| row.username == user.username) {
            return Ok(CreateUser::UsernameTaken);
        }
        Err(StoreError::Exists { record: RECORD })
    }
}

#[async_trait]
impl UserStore for SeaOrmStore {
    async fn create_user(
        &self,
        user: &User,
        password: Option<&PasswordHash>,
    ) -> StoreResult<CreateUser> {
        let password_set_at = password.map(|_| user.created_at.millis());
        let row = [
            ("id", user.id.as_str().into()),
            ("email", user.email.clone().into()),
            ("email_verified_at", millis(user.email_verified_at).into()),
            ("username", user.username.clone().into()),
            ("claims", to_json(RECORD, &user.claims)?.into()),
            ("password_hash", password.map(PasswordHash::expose).into()),
            ("password_set_at", password_set_at.into()),
            ("created_at", user.created_at.millis().into()),
            ("updated_at", user.updated_at.millis().into()),
            ("disabled_at", millis(user.disabled_at).into()),
            ("mfa_required", user.mfa_required.into()),
            ("delete_at", millis(user.delete_at).into()),
        ];
        let mut db = self.verb();
        if db.insert_if_free(RECORD, &self.tables.users, &row).await? {
            return Ok(CreateUser::Created);
        }
        self.why_refused(&mut db, user).await
    }

    async fn user(&self, id: &UserId) -> StoreResult<Option<User>> {
        let select = self.select_user(Expr::col("id").eq(id.as_str()));
        let row: Option<UserRow> = self.verb().one(RECORD, &select).await?;
        let user = row.map(UserRow::into_user).transpose()?;
        Ok(user.map(|(user, _)| user))
    }

    async fn credentials(
        &self,
        identifier: &Identifier,
    ) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        let select = self.select_user(match identifier {
            Identifier::Email(email) => Expr::col("email").eq(email.as_str()),
            Identifier::Username(username) => Expr::col("username").eq(username.as_str()),
        });
        let row: Option<UserRow> = self.verb().one(RECORD, &select).await?;
        row.map(UserRow::into_user).transpose()
    }

    async fn password_hash(&self, id: &UserId) -> StoreResult<Option<PasswordHash>> {
        let select = Query::select()
            .column("password_hash")
            .from(self.tables.users.clone())
            .and_where(Expr::col("id").eq(id.as_str()))
            .take();
        let row: Option<PasswordRow> = self.verb().one(RECORD, &select).await?;
        let hash = row.and_then(|row| row.password_hash);
        Ok(hash.map(PasswordHash::new))
    }

    async fn set_password(
        &self,
        id: &UserId,
        expected: Option<&PasswordHash>,
        new: &PasswordHash,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let stands = expected.map(|hash| Expr::col("password_hash").eq(hash.expose()));
        let update = Query::update()
            .table(self.tables.users.clone())
            .value("password_hash", new.expose())
            .value("password_set_at", now.millis())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where_option(stands)
            .take();
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn update_user(
        &self,
        id: &UserId,
        change: &UserChange,
        now: Timestamp,
    ) -> StoreResult<Option<User>> {
        if *change == UserChange::default() {
            return self.user(id).await;
        }
        let mut update = Query::update();
        update
            .table(self.tables.users.clone())
            .and_where(Expr::col("id").eq(id.as_str()));
        if let Some(claims) = &change.claims {
            update
                .value("claims", to_json(RECORD, claims)?)
                .value("updated_at", now.millis());
        }
        if let Some(were) = &change.claims_were {
            update.and_where(Expr::col("claims").eq(to_json(RECORD, were)?));
        }
        if let Some(disabled_at) = change.disabled_at {
            update.value("disabled_at", millis(disabled_at));
        }
        if let Some(mfa_required) = change.mfa_required {
            update.value("mfa_required", mfa_required);
        }
        if let Some(delete_at) = change.delete_at {
            update.value("delete_at", millis(delete_at));
        }
        let same = self.select_user(Expr::col("id").eq(id.as_str()));
        let mut db = self.verb();
        let row = db.update_returning(RECORD, update, &COLUMNS, same).await?;
        let user = row.map(UserRow::into_user).transpose()?;
        Ok(user.map(|(user, _)| user))
    }

    async fn verify_email(
        &self,
        id: &UserId,
        email: &str,
        drop_password: bool,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut update = Query::update();
        update
            .table(self.tables.users.clone())
            .value("email_verified_at", now.millis())
            .value("updated_at", now.millis())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(Expr::col("email").eq(email))
            .and_where(Expr::col("email_verified_at").is_null());
        if drop_password {
            update
                .value("password_hash", None::<String>)
                .value("password_set_at", None::<i64>);
        }
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn change_email(
        &self,
        id: &UserId,
        from: Option<&str>,
        to: &str,
        now: Timestamp,
    ) -> StoreResult<ChangeEmail> {
        let still = match from {
            Some(from) => Expr::col("email").eq(from),
            None => Expr::col("email").is_null(),
        };
        let update = Query::update()
            .table(self.tables.users.clone())
            .value("email", to)
            .value("email_verified_at", now.millis())
            .value("updated_at", now.millis())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(still)
            .take();
        match self.verb().write(RECORD, &update).await {
            Ok(0) => Ok(ChangeEmail::Stale),
            Ok(_) => Ok(ChangeEmail::Changed),
            Err(StoreError::Exists { .. }) => Ok(ChangeEmail::Taken),
            Err(error) => Err(error),
        }
    }

    async fn users_to_end(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<UserId>> {
        let select = Query::select()
            .column("id")
            .from(self.tables.users.clone())
            .and_where(Expr::col("delete_at").lte(now.millis()))
            .order_by("delete_at", Order::Asc)
            .order_by("id", Order::Asc)
            .limit(u64::from(limit))
            .take();
        let rows: Vec<IdRow> = self.verb().all(RECORD, &select).await?;
        Ok(rows.into_iter().map(|row| UserId::new(row.id)).collect())
    }

    async fn end_user(&self, id: &UserId, how: AccountEnd, now: Timestamp) -> StoreResult<bool> {
        let users = &self.tables.users;
        let is_due = Expr::col("id")
            .eq(id.as_str())
            .and(Expr::col("delete_at").lte(now.millis()));
        let mut db = self.verb();
        if how == AccountEnd::Hard {
            let delete = Query::delete()
                .from_table(users.clone())
                .and_where(is_due)
                .take();
            return Ok(db.write(RECORD, &delete).await? > 0);
        }
        let disabled_at = Func::coalesce([Expr::col("disabled_at"), Expr::val(now.millis())]);
        let mut update = Query::update();
        update
            .table(users.clone())
            .value("disabled_at", disabled_at)
            .value("delete_at", None::<i64>)
            .and_where(is_due);
        if how == AccountEnd::Anonymize {
            update
                .value("email", None::<String>)
                .value("email_verified_at", None::<i64>)
                .value("username", None::<String>)
                .value("claims", "{}")
                .value("password_hash", None::<String>)
                .value("password_set_at", None::<i64>)
                .value("updated_at", now.millis());
        }
        Ok(db.write(RECORD, &update).await? > 0)
    }
}

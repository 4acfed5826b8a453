//! Users, their identifiers and their password.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{
    CreateUser, Identifier, PasswordHash, StoreError, StoreResult, User, UserChange, UserId,
    UserStore,
};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, OnConflict, Query, SelectStatement};

use crate::codec::{from_json, millis, moment, to_json};
use crate::{SeaOrmStore, query};

const RECORD: &str = "user";

const COLUMNS: [&str; 9] = [
    "id",
    "email",
    "email_verified_at",
    "username",
    "claims",
    "password_hash",
    "created_at",
    "updated_at",
    "disabled_at",
];

#[derive(FromQueryResult)]
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
}

#[derive(FromQueryResult)]
struct PasswordRow {
    password_hash: Option<String>,
}

#[derive(FromQueryResult)]
struct TakenRow {
    email: Option<String>,
    username: Option<String>,
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
    async fn why_refused(&self, user: &User) -> StoreResult<CreateUser> {
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
        let rows: Vec<TakenRow> = self.db.all(RECORD, &select).await?;
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
        let insert = Query::insert()
            .into_table(self.tables.users.clone())
            .columns(COLUMNS)
            .columns(["password_set_at"])
            .values_panic_free([
                user.id.as_str().into(),
                user.email.clone().into(),
                millis(user.email_verified_at).into(),
                user.username.clone().into(),
                to_json(RECORD, &user.claims)?.into(),
                password.map(PasswordHash::expose).into(),
                user.created_at.millis().into(),
                user.updated_at.millis().into(),
                millis(user.disabled_at).into(),
                password.map(|_| user.created_at.millis()).into(),
            ])?
            .on_conflict(OnConflict::new().do_nothing().take())
            .take();
        match self.db.write(RECORD, &insert).await? {
            0 => self.why_refused(user).await,
            _ => Ok(CreateUser::Created),
        }
    }
}

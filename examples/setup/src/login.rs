//! The login wing, as far as the environment decides about it: `BREACHED_FILTER`, whom people sign in with, and who takes
//! its mails.

use auth_core::auth::AuthBuilder;
use auth_core::login::{BreachedFilter, Login};
use auth_core::services::mail::{DevelopmentOutbox, SmtpMailer};

use crate::{Server, SetupError, environment, in_words};

impl Server {
    /// The login wing's settings: accounts also with a passkey alone, `BREACHED_FILTER`, and the other providers that
    /// people may sign in with.
    ///
    /// # Errors
    /// The filter cannot be read, or a provider's variables are not whole: named.
    pub fn login(&self) -> Result<Login, SetupError> {
        let login = Login::default().passkey_registration(true);
        #[cfg(feature = "federation")]
        let login = crate::upstreams::add_to(login)?;
        let Some(file) = environment::text("BREACHED_FILTER") else {
            return Ok(login);
        };
        let filter = BreachedFilter::open(&file)
            .map_err(|error| format!("BREACHED_FILTER={file}: {}", in_words(&error)))?;
        Ok(login.breached_passwords(filter))
    }

    /// Adds who takes mails: the server of `SMTP_URL`; without one, on loopback an outbox that shows them at
    /// `/auth/dev/mail`, and elsewhere nobody.
    ///
    /// # Errors
    /// A variable that cannot be read, named.
    #[expect(
        clippy::print_stdout,
        reason = "the one line that says where mails go while developing"
    )]
    pub fn mails(&self, builder: AuthBuilder) -> Result<AuthBuilder, SetupError> {
        if let Some(url) = environment::text("SMTP_URL") {
            let from = environment::text("MAIL_FROM").ok_or(
                "MAIL_FROM: with SMTP_URL, say whom mails come from: Example <no-reply@app.example.com>",
            )?;
            let mailer = SmtpMailer::from_url(url).from(from).build();
            let mailer =
                mailer.map_err(|error| format!("SMTP_URL and MAIL_FROM: {}", in_words(&error)))?;
            return Ok(builder.mailer(mailer));
        }
        if self.is_loopback() {
            println!("Mails stay here: {}/auth/dev/mail", self.base_url);
            return Ok(builder.mailer(DevelopmentOutbox::default()));
        }
        tracing::warn!(
            "SMTP_URL is not set: no mail is sent, so nobody confirms an address, sets a forgotten password anew or \
             signs in by mail"
        );
        Ok(builder)
    }
}

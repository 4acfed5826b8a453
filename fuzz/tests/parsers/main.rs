//! One target per parser. A panic, a hang or an answer that blames us is a fault.

mod authorize;
mod jose;
mod registration;
mod token;

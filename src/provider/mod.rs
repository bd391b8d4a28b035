//! The paid providers: a folder for each vendor's API, and the accounts that are called.
//!
//! A [`Provider`] makes one call and tells what came back; it neither waits, limits nor retries.
//! [`Account`] does that, once for all vendors. [`Vendors`] is the list of them: a new one is a
//! folder and a line there.

mod account;
mod accounts;
pub mod control;
mod control_call;
pub mod deepfinch;
mod field_reference;
mod http;
pub mod huawei;
mod request;
mod settings;
pub mod signature;
mod trial;
mod vendor;
mod vendors;
pub mod wire;

pub use account::{Account, Called};
pub use accounts::Accounts;
pub use field_reference::field_reference;
pub use http::{CONNECT_TIMEOUT, Reached, http_client, reach};
pub use request::{
    EncodedBody, NotShown, NotSigned, PictureSource, Provider, Reply, Request, Shown, UrlSigner,
    View,
};
pub use settings::{CallLimits, Section};
pub use trial::{TrialAccount, TrialAccounts};
pub use vendor::{AccountSettings, Open, Opened, Opening, Vendor};
pub use vendors::Vendors;

//! The binary as its users meet it: started as a process, watched by its streams, its telemetry and
//! its exit status.

mod addresses;
mod budget;
mod certify;
mod check;
mod clock;
mod deleted;
mod demo;
mod failed;
mod health;
mod init;
mod ledger;
mod ledger_files;
mod metrics;
mod mistakes;
mod outage;
mod pause;
mod poison;
mod policy;
mod policy_replay;
mod process;
mod queues;
mod results;
mod resume;
mod rights;
mod run;
mod sandbox;
mod shutdown;
mod signals;
mod submit;
mod top;
mod topology;
mod traces;
mod usage;
mod wrong_topologies;

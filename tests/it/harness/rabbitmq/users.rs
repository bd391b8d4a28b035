//! Users of the shared broker that may do only so much.

use super::{shared, unique_name};
use invoice_worker::broker::permissions::PermissionPatterns;

/// As `rabbitmqctl set_permissions` takes them.
pub(crate) type Permissions = PermissionPatterns;

/// A new user for each of these, in the virtual host `/`; the password is the user's name. One
/// command for all: each takes a second.
pub(crate) async fn users(permissions: &[Permissions]) -> Vec<String> {
    let names: Vec<String> = permissions
        .iter()
        .map(|_| format!("user-{}", unique_name()))
        .collect();
    let mut commands: Vec<String> = Vec::new();
    for (name, permissions) in names.iter().zip(permissions) {
        let user = binary(name);
        commands.push(format!(
            "ok = rabbit_auth_backend_internal:add_user({user}, {user}, <<\"tests\">>)"
        ));
        commands.push(granting(name, permissions));
    }
    evaluate(&commands).await;
    names
}

pub(crate) async fn user(permissions: &Permissions) -> String {
    users(std::slice::from_ref(permissions)).await.remove(0)
}

/// What the user may do from now on.
pub(crate) async fn grant(user: &str, permissions: &Permissions) {
    evaluate(&[granting(user, permissions)]).await;
}

/// How many queues in the virtual host `/` the user has declared that are still there.
pub(crate) async fn queues_of(user: &str) -> usize {
    let user = binary(user);
    let queues = "rabbit_amqqueue:list(<<\"/\">>)";
    let count = format!(
        "length([one || Q <- {queues}, maps:get(user, amqqueue:get_options(Q), none) =:= {user}])."
    );
    shared()
        .await
        .node
        .ctl(&["eval", &count])
        .await
        .parse()
        .expect("a number")
}

fn granting(
    user: &str,
    Permissions {
        configure,
        write,
        read,
    }: &Permissions,
) -> String {
    let [user, configure, write, read] = [user, configure, write, read].map(binary);
    format!(
        "ok = rabbit_auth_backend_internal:set_permissions({user}, <<\"/\">>, {configure}, {write}, {read}, <<\"tests\">>)"
    )
}

async fn evaluate(commands: &[String]) {
    shared()
        .await
        .node
        .ctl(&["eval", &format!("{}.", commands.join(", "))])
        .await;
}

/// As Erlang writes it.
fn binary(text: &str) -> String {
    format!("<<\"{}\">>", text.replace('\\', r"\\").replace('"', "\\\""))
}

//! Many at once, on one agent and on two: nothing is lost, nothing is there twice.

use serde_json::json;

use crate::support::{Agent, Client, Engine, group, key, patch, user};

on_every_database!(
    sixteen_patches_lose_no_member,
    sixteen_posts_of_one_name_make_one,
    two_agents_on_one_database,
    disabling_while_adding_members,
    one_department_created_by_many,
);

/// Runs these at once; the statuses, sorted.
async fn at_once<F>(requests: impl IntoIterator<Item = F>) -> Vec<u16>
where
    F: Future<Output = u16> + Send + 'static,
{
    let running: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    let mut statuses = Vec::new();
    for request in running {
        statuses.push(request.await.unwrap());
    }
    statuses.sort_unstable();
    statuses
}

/// Further kpifire users, from id 100 on.
async fn users(agent: &Agent, number: u32) {
    let rows: Vec<_> = (100..100 + number)
        .map(|id| format!("({id},'p{id}@plant.example','P','Q',1,'x','2020-01-01 00:00:00','2020-01-01 00:00:00')"))
        .collect();
    let columns = "user_id, email, first_name, last_name, department_id, password_hash, created_at, updated_at";
    agent
        .database()
        .execute(&format!("INSERT INTO users ({columns}) VALUES {}", rows.join(",")))
        .await;
}

async fn add(client: Client, group: String, ids: Vec<u32>) -> u16 {
    let values: Vec<_> = ids.iter().map(|id| json!({ "value": id.to_string() })).collect();
    let operations = json!([{ "op": "Add", "path": "members", "value": values }]);
    client.operations(&format!("/Groups/{group}"), operations).await.status
}

async fn sixteen_patches_lose_no_member(engine: Engine) {
    let agent = Agent::start(engine).await;
    users(&agent, 160).await;
    let client = agent.client();
    let big = client.post("/Groups", &group("Big")).await.expect(201).id();
    // Each adds ten of its own and one that all of them add.
    let statuses = at_once((0..16).map(|n| {
        let ids = (100 + n * 10..110 + n * 10).chain([100]).collect();
        add(client.clone(), big.clone(), ids)
    }))
    .await;
    assert_eq!(statuses, [204; 16]);
    assert_eq!(
        agent.database().count(&format!("team_members WHERE team_id = {}", key(&big))).await,
        160
    );
    assert_eq!(
        agent
            .database()
            .count(&format!("scim_desired_members WHERE group_key = '{}'", key(&big)))
            .await,
        160
    );
}

async fn sixteen_posts_of_one_name_make_one(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for name in ["race@plant.example", "WÜST@plant.example"] {
        let statuses = at_once((0..16).map(|n| {
            let client = client.clone();
            // Spelled in two cases: one name all the same.
            let name = if n % 2 == 0 { name.to_lowercase() } else { name.to_owned() };
            async move { client.post("/Users", &user(&name)).await.status }
        }))
        .await;
        assert_eq!(statuses[0], 201, "{statuses:?}");
        assert_eq!(statuses[1..], [409; 15]);
    }
    let statuses = at_once((0..16).map(|_| {
        let client = client.clone();
        async move { client.post("/Groups", &group("Race")).await.status }
    }))
    .await;
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 15][..]));
    assert_eq!(agent.database().count("users").await, 7);
    assert_eq!(agent.database().count("teams").await, 3);
}

async fn two_agents_on_one_database(engine: Engine) {
    let agent = Agent::start(engine).await;
    let second = agent.install.serve().await;
    let clients = [agent.client(), Client::new(&second.base(), Some(&agent.token))];
    let statuses = at_once((0..16).map(|n| {
        let client = clients[n % 2].clone();
        async move { client.post("/Users", &user("both@plant.example")).await.status }
    }))
    .await;
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 15][..]));
    // What one wrote, the other shows at once.
    let id = clients[0].post("/Users", &user("seen@plant.example")).await.expect(201).id();
    clients[1].get(&format!("/Users/{id}")).await.expect(200);
    clients[1].delete(&format!("/Users/{id}")).await.expect(204);
    clients[0].get(&format!("/Users/{id}")).await.expect(404);
}

async fn disabling_while_adding_members(engine: Engine) {
    let agent = Agent::start(engine).await;
    users(&agent, 16).await;
    let client = agent.client();
    let switch = |id: u32, active: bool| {
        let client = client.clone();
        async move {
            let body = patch(&json!([{ "op": "replace", "path": "active", "value": active }]));
            client.patch(&format!("/Users/{id}"), &body).await.status
        }
    };
    for active in [false, true] {
        let adding = at_once((100..116).map(|id| add(client.clone(), "g-2".to_owned(), vec![id])));
        let switching = at_once((100..116).map(|id| switch(id, active)));
        let (added, switched) = tokio::join!(adding, switching);
        assert_eq!((added, switched), (vec![204; 16], vec![200; 16]));
    }
    assert_eq!(agent.database().count("team_members WHERE team_id = 2").await, 17);
    assert_eq!(
        agent.database().count("users WHERE status = 'Active' AND user_id >= 100").await,
        16
    );
}

async fn one_department_created_by_many(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let statuses = at_once((0..16).map(|n| {
        let client = client.clone();
        async move {
            let mut body = user(&format!("d{n}@plant.example"));
            body[crate::support::ENTERPRISE] = json!({ "department": "Brand New" });
            client.post("/Users", &body).await.status
        }
    }))
    .await;
    assert_eq!(statuses, [201; 16]);
    assert_eq!(agent.database().count("departments WHERE name = 'Brand New'").await, 1);
}

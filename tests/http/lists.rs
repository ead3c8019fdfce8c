//! Lists: sorting, paging, and the same questions asked by POST (RFC 7644 §3.4.2, §3.4.3).

use serde_json::json;

use crate::support::{Agent, Engine, LIST, SEARCH};

on_every_database!(
    one_search_over_all_types,
    pages_cover_everything_once,
    page_numbers_out_of_range,
    sorting_by_any_mapped_attribute,
    a_search_by_post_answers_like_a_get,
    the_page_size_is_bounded,
);

async fn pages_cover_everything_once(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let all = client.get("/Users").await.expect(200);
    assert_eq!(all.body["schemas"], json!([LIST]));
    assert_eq!(all.body["totalResults"], 5);
    assert_eq!(all.body["itemsPerPage"], 5);
    assert_eq!(all.body["startIndex"], 1);
    assert_eq!(all.resources().len(), 5);
    let mut seen = Vec::new();
    for start in [1, 3, 5] {
        let page = client.get(&format!("/Users?startIndex={start}&count=2")).await.expect(200);
        assert_eq!(page.body["totalResults"], 5);
        assert_eq!(page.body["startIndex"], start);
        assert_eq!(page.body["itemsPerPage"], page.resources().len());
        seen.extend(page.ids());
    }
    seen.sort();
    assert_eq!(seen, ["1", "2", "3", "4", "5"]);
    let filter = [("filter", "userName sw \"line\""), ("startIndex", "2"), ("count", "1")];
    let page = client.query("/Users", &filter).await.expect(200);
    assert_eq!((&page.body["totalResults"], page.resources().len()), (&json!(2), 1));
}

async fn page_numbers_out_of_range(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (query, resources) in [
        ("startIndex=0", 5),
        ("startIndex=-7", 5),
        ("startIndex=6", 0),
        ("startIndex=9223372036854775807", 0),
        ("count=0", 0),
        ("count=-1", 0),
        ("count=2147483648", 5),
        ("unknown=1&count=1", 1),
    ] {
        let answer = client.get(&format!("/Users?{query}")).await.expect(200);
        assert_eq!(answer.resources().len(), resources, "{query}");
        assert_eq!(answer.body["totalResults"], 5, "{query}");
    }
    assert_eq!(client.get("/Users?startIndex=0").await.body["startIndex"], 1);
    for query in ["count=two", "startIndex=one", "count=1.5", "count=", "startIndex=0x1"] {
        client.get(&format!("/Users?{query}")).await.refused(400, "invalidValue");
    }
}

async fn sorting_by_any_mapped_attribute(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (pairs, expected) in [
        (vec![("sortBy", "userName")], "1 4 5 3 2"),
        (vec![("sortBy", "userName"), ("sortOrder", "descending")], "2 3 5 4 1"),
        (vec![("sortBy", "USERNAME"), ("sortOrder", "ascending")], "1 4 5 3 2"),
        (vec![("sortBy", "name.familyName")], "1 3 4 2 5"),
        (vec![("sortBy", "meta.lastModified"), ("sortOrder", "descending")], "5 3 4 2 1"),
        (vec![("sortBy", "id"), ("sortOrder", "descending")], "5 4 3 2 1"),
        (vec![("sortBy", "userName"), ("startIndex", "2"), ("count", "2")], "4 5"),
        (vec![("sortBy", "userName"), ("filter", "active eq true")], "1 4 3 2"),
    ] {
        let found = client.query("/Users", &pairs).await.expect(200).ids();
        let expected: Vec<_> = expected.split(' ').collect();
        assert_eq!(found, expected, "{pairs:?}");
    }
    // Those without a value come last ascending, first descending (RFC 7644 §3.4.2.3).
    let titles = client.query("/Users", &[("sortBy", "title")]).await.expect(200).ids();
    assert_eq!(titles.last().map(String::as_str), Some("2"), "{titles:?}");
    let pairs = [("sortBy", "title"), ("sortOrder", "descending")];
    let titles = client.query("/Users", &pairs).await.expect(200).ids();
    assert_eq!(titles.first().map(String::as_str), Some("2"), "{titles:?}");
    client.query("/Users", &[("sortBy", "noSuch")]).await.expect(400);
    let groups =
        client.query("/Groups", &[("sortBy", "displayName"), ("sortOrder", "descending")]).await;
    assert_eq!(groups.expect(200).ids(), ["g-2", "g-1"]);
}

async fn a_search_by_post_answers_like_a_get(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let search = json!({
        "schemas": [SEARCH],
        "filter": "userName sw \"line\"",
        "attributes": ["userName"],
        "sortBy": "userName",
        "sortOrder": "descending",
        "startIndex": 1,
        "count": 10,
    });
    let found = client.post("/Users/.search", &search).await.expect(200);
    assert_eq!(found.ids(), ["5", "4"]);
    assert!(found.resources()[0].get("title").is_none(), "{}", found.text);
    let pairs = [
        ("filter", "userName sw \"line\""),
        ("attributes", "userName"),
        ("sortBy", "userName"),
        ("sortOrder", "descending"),
        ("count", "10"),
    ];
    assert_eq!(client.query("/Users", &pairs).await.expect(200).body, found.body);
    let groups = json!({ "schemas": [SEARCH], "filter": "members eq \"3\"", "excludedAttributes": ["members"] });
    let found = client.post("/Groups/.search", &groups).await.expect(200);
    assert_eq!(found.ids(), ["g-1"]);
    assert!(found.resources()[0].get("members").is_none());
    let bad = json!({ "schemas": [SEARCH], "filter": "noSuch pr" });
    client.post("/Users/.search", &bad).await.refused(400, "invalidFilter");
    let bad = json!({ "schemas": [SEARCH], "count": "many" });
    client.post("/Users/.search", &bad).await.refused(400, "invalidValue");
}

async fn the_page_size_is_bounded(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let config = client.get("/ServiceProviderConfig").await.expect(200).body;
    let most = config["filter"]["maxResults"].as_u64().expect("filter.maxResults");
    let rows: Vec<_> = (0..most + 20)
        .map(|n| format!("('page-{n:06}','2020-01-01 00:00:00','2020-01-01 00:00:00')"))
        .collect();
    let insert =
        format!("INSERT INTO teams (name, created_at, updated_at) VALUES {}", rows.join(","));
    agent.database().execute(&insert).await;
    let count = (most + 10).to_string();
    let page =
        client.query("/Groups", &[("count", &count), ("sortBy", "displayName")]).await.expect(200);
    assert_eq!(page.resources().len() as u64, most);
    assert_eq!(page.body["totalResults"], most + 22);
    let next = (most + 1).to_string();
    let page = client
        .query("/Groups", &[("startIndex", &next), ("count", &count), ("sortBy", "displayName")])
        .await;
    assert_eq!(page.expect(200).resources().len(), 22);
}

/// `POST /.search` (RFC 7644 §3.4.3): users before groups, pages across both.
async fn one_search_over_all_types(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let search = |more: serde_json::Value| {
        let mut body = serde_json::json!({ "schemas": [crate::support::SEARCH] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let client = client.clone();
        async move { client.post("/.search", &body).await }
    };
    let kinds = |answer: &crate::support::Answer| {
        let of = |resource: &serde_json::Value| {
            let kind = resource["meta"]["resourceType"].as_str().unwrap().to_owned();
            format!("{kind} {}", resource["id"].as_str().unwrap())
        };
        answer.resources().iter().map(of).collect::<Vec<_>>()
    };
    let all = search(serde_json::json!({})).await.expect(200);
    assert_eq!(all.body["totalResults"], 7);
    assert_eq!(kinds(&all)[4..], ["User 5", "Group g-1", "Group g-2"]);
    let page = search(serde_json::json!({ "startIndex": 5, "count": 2 })).await.expect(200);
    assert_eq!(
        (page.body["totalResults"].as_u64(), kinds(&page)),
        (Some(7), vec!["User 5".to_owned(), "Group g-1".to_owned()])
    );
    let page = search(serde_json::json!({ "startIndex": 7, "count": 9 })).await.expect(200);
    assert_eq!(
        (page.body["totalResults"].as_u64(), kinds(&page)),
        (Some(7), vec!["Group g-2".to_owned()])
    );
    let some = search(serde_json::json!({ "filter": "userName sw \"line\"" })).await.expect(200);
    assert_eq!(kinds(&some), ["User 4", "User 5"], "groups have no userName");
    search(serde_json::json!({ "filter": "noSuch eq 1" })).await.refused(400, "invalidFilter");
}

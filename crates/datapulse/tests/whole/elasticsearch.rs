//! A cluster that can't be used: said as such, without one. (With one: `cargo xtask test --all`.)

use std::net::TcpListener;

use crate::command::Place;
use crate::shows;

/// A port that nobody listens on.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[test]
fn a_cluster_that_is_not_there_is_said_with_what_to_check() {
    let place = Place::new();
    let text = format!("[backends]\nstore = \"http://{}\"\n", nobody());
    place.write("datapulse.toml", &text);
    for (command, code) in [
        (&["serve", "--listen", "127.0.0.1:0"][..], 1),
        (&["store", "setup"], 1),
        (&["query", "ROW a = 1"], 1),
        (&["audit", "verify"], 1),
        (&["doctor"], 3),
    ] {
        let run = place.run(command);
        let said = format!("{}{}", run.out, run.err);
        assert_eq!(run.code, code, "{run}");
        assert!(
            said.contains("Elasticsearch can't be reached: http://127.0.0.1:"),
            "{run}"
        );
        assert!(said.contains("check [backends] store"), "{run}");
    }
    assert!(!place.data().exists(), "nothing was made on the way");
}

#[test]
fn what_answers_but_is_no_elasticsearch_is_refused() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let body = "{\"hello\":\"I am another\"}";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
    });
    place.write(
        "datapulse.toml",
        &format!("[backends]\nstore = \"http://{address}\"\n"),
    );
    let run = place.run(&["store", "setup"]);
    assert_eq!(run.code, 1, "{run}");
    assert!(
        run.err.contains("answers, but not as Elasticsearch does"),
        "{run}"
    );
}

#[test]
fn logins_that_cannot_be_meant_so() {
    let place = Place::new();
    let mut said = String::new();
    for text in [
        "[backends]\nstore = \"https://elastic:secret@es:9200\"\n",
        "[backends]\nstore = \"https://es:9200,\"\n",
        "[elasticsearch]\nlogin = \"kerberos\"\n",
        "[elasticsearch]\nlogin = \"basic\"\n",
        "[elasticsearch]\nlogin = \"api-key\"\nuser = \"me\"\n",
        "[elasticsearch]\ntimeout_s = 0\n",
        "[backends]\nstore = \"https://es:9200\"\n[elasticsearch]\nlogin = \"bearer\"\nsecret_env = \"NOT_SET_ANYWHERE\"\n",
        "[backends]\nstore = \"https://es:9200\"\n[elasticsearch]\nca_file = \"none.pem\"\n",
    ] {
        place.write("datapulse.toml", text);
        let run = place.run(&["store", "setup"]);
        assert_ne!(run.code, 0, "{run}");
        said.push_str(&format!("{}\n{}\n", text.trim_end(), run.err));
    }
    place.write("datapulse.toml", "");
    said.push_str(&place.run(&["store", "setup"]).to_string());
    let register = ["tools", "register", "--kibana", "http://localhost:5601"];
    said.push_str(&place.run(&register).to_string());
    shows!("logins refused", said);
}

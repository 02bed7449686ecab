//! The checks themselves, each on an object of its own that it deletes again.

use super::driver::{Driver, Waiting, differing, is_conflict, new_token};
use super::{Sample, Subject, Verdict};
use crate::{ApplyRequest, Progress, Reading, Recovery};
use formwork_value::{Path, Value};

type Outcome = Result<Verdict, String>;

pub(super) async fn run_all(subject: &Subject<'_>, sample: &Sample) -> Vec<(&'static str, Verdict)> {
    let checking = Checking { subject, sample };
    let mut made = vec![
        ("create twice with one token", checking.create_twice().await),
        ("killed before the call", checking.killed_before_the_call().await),
        ("killed before the reply", checking.killed_before_the_reply().await),
        ("killed in the wait", checking.killed_in_the_wait().await),
        ("update", checking.update().await),
        ("read after a change from outside", checking.changed_outside().await),
        ("read after a removal from outside", checking.removed_outside().await),
        ("delete twice", checking.delete_twice().await),
        ("import, then plan", checking.import().await),
    ];
    made.push(("bad attributes", checking.bad_attributes().await));
    let verdict = |outcome: Outcome| outcome.unwrap_or_else(Verdict::Failed);
    made.into_iter().map(|(name, outcome)| (name, verdict(outcome))).collect()
}

struct Checking<'a> {
    subject: &'a Subject<'a>,
    sample: &'a Sample,
}

impl Checking<'_> {
    /// A new process with a connection of its own.
    async fn open(&self) -> Result<Driver, String> {
        let configuration =
            self.sample.provider_configuration.as_ref().unwrap_or(&self.subject.configuration);
        Driver::open((self.subject.open)(), configuration, &self.sample.kind).await
    }

    async fn create(&self, driver: &Driver) -> Result<(Value, Value), String> {
        let configuration = driver.complete(&self.sample.create)?;
        let request = driver.plan_create(&configuration).await?;
        Ok((driver.perform(&request).await?, configuration))
    }

    async fn delete(&self, driver: &Driver, object: &Value) -> Result<(), String> {
        driver.perform(&driver.delete_request(object)).await.map(drop).map_err(|why| format!("delete: {why}"))
    }

    async fn create_twice(&self) -> Outcome {
        let driver = self.open().await?;
        let before = driver.count().await?;
        let configuration = driver.complete(&self.sample.create)?;
        let request = driver.plan_create(&configuration).await?;
        let object = driver.perform(&request).await?;
        driver.require_no_change(&object, &configuration).await?;
        let verdict = self.second_create(&request, &object).await;
        let counted = driver.require_count(before.map(|before| before + 1)).await;
        self.delete(&driver, &object).await?;
        counted?;
        verdict?;
        driver.require_count(before).await?;
        Ok(Verdict::Passed)
    }

    /// What the engine does when it does not know that the first call was answered.
    async fn second_create(&self, request: &ApplyRequest, object: &Value) -> Result<(), String> {
        let driver = self.open().await?;
        let again = match driver.schema.recovery {
            Recovery::Ask if driver.offers_find(request).await => {
                return Err("the kind says Ask and yet offers to find".to_owned());
            }
            // No second create is sent: the count that follows proves that there is one object.
            Recovery::Import | Recovery::Ask => return Ok(()),
            Recovery::NaturalKey => {
                match driver.apply_once(request).await {
                    Err(error) if is_conflict(&error) => {}
                    answer => require_same(object, &driver.finish(request, answer).await?)?,
                }
                driver.find_patiently(request).await
            }
            Recovery::Replay | Recovery::Find => driver.recover(request).await,
        };
        if matches!(again, Ok(Progress::NotFound)) {
            return Err("the recovery does not find what the create made".to_owned());
        }
        require_same(object, &driver.finish(request, again).await?)
    }

    async fn killed_before_the_call(&self) -> Outcome {
        let driver = self.open().await?;
        if driver.schema.recovery == Recovery::Ask {
            return Ok(Verdict::NotMade("the kind asks"));
        }
        let before = driver.count().await?;
        let request = driver.plan_create(&driver.complete(&self.sample.create)?).await?;
        let driver = self.open().await?;
        let answer = driver.recover(&request).await;
        let is_search = matches!(driver.schema.recovery, Recovery::Find | Recovery::NaturalKey);
        if is_search && !matches!(answer, Ok(Progress::NotFound)) {
            return Err("the recovery finds an object that was never made".to_owned());
        }
        let object = driver.finish(&request, answer).await?;
        let counted = driver.require_count(before.map(|before| before + 1)).await;
        self.delete(&driver, &object).await?;
        counted?;
        Ok(Verdict::Passed)
    }

    async fn killed_before_the_reply(&self) -> Outcome {
        let driver = self.open().await?;
        if driver.schema.recovery == Recovery::Ask {
            return Ok(Verdict::NotMade("the kind asks"));
        }
        let before = driver.count().await?;
        let request = driver.plan_create(&driver.complete(&self.sample.create)?).await?;
        let lost = driver.apply_until_answered(&request).await;
        if let Err(error) = lost
            && !error.is_retryable()
        {
            return Err(format!("create: {}", error.message));
        }
        let driver = self.open().await?;
        let answer = driver.recover(&request).await;
        let object = driver.finish(&request, answer).await?;
        let read = driver.read_found(&object).await;
        let counted = driver.require_count(before.map(|before| before + 1)).await;
        self.delete(&driver, &object).await?;
        counted?;
        require_same(&object, &read?)?;
        Ok(Verdict::Passed)
    }

    async fn killed_in_the_wait(&self) -> Outcome {
        let driver = self.open().await?;
        let before = driver.count().await?;
        let request = driver.plan_create(&driver.complete(&self.sample.create)?).await?;
        let answer = driver.apply_until_answered(&request).await;
        let Ok(Progress::Waiting { id, cursor, .. }) = answer else {
            let object = driver.finish(&request, answer).await?;
            self.delete(&driver, &object).await?;
            return Ok(Verdict::NotMade("the kind does not wait"));
        };
        let waiting = Waiting { id, cursor };
        // The cursor is recorded after the poll has answered: a crash between the two polls with the old one again.
        drop(driver.poll_once(&request, &waiting).await);
        let driver = self.open().await?;
        let object = driver.finish_wait(&request, waiting).await?;
        let counted = driver.require_count(before.map(|before| before + 1)).await;
        self.delete(&driver, &object).await?;
        counted?;
        Ok(Verdict::Passed)
    }

    async fn update(&self) -> Outcome {
        if self.sample.updates.is_empty() {
            return Ok(Verdict::NotMade("no update in the sample"));
        }
        let driver = self.open().await?;
        let (mut object, _) = self.create(&driver).await?;
        let before = driver.count().await?;
        for (at, configuration) in self.sample.updates.iter().enumerate() {
            match self.update_once(&object, configuration).await {
                Ok(updated) => object = updated,
                Err(why) => {
                    self.delete(&driver, &object).await?;
                    return Err(format!("update {at}: {why}"));
                }
            }
        }
        let counted = driver.require_count(before).await;
        self.delete(&driver, &object).await?;
        counted?;
        Ok(Verdict::Passed)
    }

    /// Updates, loses the answer, takes it up again, and requires that a read and a plan agree.
    async fn update_once(&self, object: &Value, configuration: &Value) -> Result<Value, String> {
        let driver = self.open().await?;
        let configuration = driver.complete(configuration)?;
        let request = driver.plan_update(object, &configuration).await?;
        if request.planned == *object {
            return Err("the plan of a changed configuration changes nothing".to_owned());
        }
        let updated = driver.perform(&request).await?;
        let driver = self.open().await?;
        if driver.schema.recovery != Recovery::Ask {
            let answer = driver.recover(&request).await;
            require_same(&updated, &driver.finish(&request, answer).await?)?;
        }
        let read = driver.read_found(&updated).await?;
        require_same(&updated, &read)?;
        driver.require_no_change(&read, &configuration).await?;
        Ok(read)
    }

    async fn changed_outside(&self) -> Outcome {
        let Some(hook) = &self.sample.change_outside else {
            return Ok(Verdict::NotMade("nothing changes it from outside"));
        };
        let driver = self.open().await?;
        let (object, configuration) = self.create(&driver).await?;
        hook(&object);
        let repaired = self.repair(&driver, &object, &configuration).await;
        self.delete(&driver, &object).await?;
        repaired?;
        Ok(Verdict::Passed)
    }

    async fn repair(&self, driver: &Driver, object: &Value, configuration: &Value) -> Result<(), String> {
        let drifted = driver.read_found(object).await?;
        if drifted == *object {
            return Err("a read does not show the change".to_owned());
        }
        let request = driver.plan_update(&drifted, configuration).await?;
        if request.planned == drifted {
            return Err("a plan does not repair the change".to_owned());
        }
        driver.perform(&request).await?;
        driver.require_no_change(&driver.read_found(&drifted).await?, configuration).await
    }

    async fn removed_outside(&self) -> Outcome {
        let Some(hook) = &self.sample.remove_outside else {
            return Ok(Verdict::NotMade("nothing removes it from outside"));
        };
        let driver = self.open().await?;
        let (object, _) = self.create(&driver).await?;
        hook(&object);
        require_gone(&driver, &object).await?;
        Ok(Verdict::Passed)
    }

    async fn delete_twice(&self) -> Outcome {
        let driver = self.open().await?;
        let before = driver.count().await?;
        let (object, _) = self.create(&driver).await?;
        let request = driver.delete_request(&object);
        driver.perform(&request).await?;
        let driver = self.open().await?;
        driver.perform(&request).await.map_err(|why| format!("with the same token: {why}"))?;
        self.delete(&driver, &object).await?;
        driver.require_count(before).await?;
        if self.sample.is_only_a_value {
            return Ok(Verdict::Passed);
        }
        require_gone(&driver, &object).await?;
        let (other, _) = self.create(&driver).await?;
        let batch = self.read_deleted_and_living(&driver, &object, &other).await;
        self.delete(&driver, &other).await?;
        batch
    }

    /// A batch must not mix up its objects.
    async fn read_deleted_and_living(&self, driver: &Driver, deleted: &Value, living: &Value) -> Outcome {
        if deleted.get("id") == living.get("id") {
            // The id is the name: the second object is the first again.
            return Ok(Verdict::Passed);
        }
        match driver.read(&[deleted.clone(), living.clone()]).await?.as_slice() {
            [Reading::Gone, Reading::Found { object, .. }] => require_same(living, object)?,
            _ => return Err("a batch of a deleted and a living object is not read as such".to_owned()),
        }
        Ok(Verdict::Passed)
    }

    async fn import(&self) -> Outcome {
        let driver = self.open().await?;
        let (object, configuration) = self.create(&driver).await?;
        let own = || object.get("id").and_then(Value::as_str).map(ToString::to_string);
        let Some(id) = self.sample.import_id.map(|id| id(&object)).or_else(own) else {
            self.delete(&driver, &object).await?;
            return Ok(Verdict::NotMade("the kind has no id"));
        };
        if driver.schema.import_id.is_empty() && driver.import(&id).await.is_err() {
            self.delete(&driver, &object).await?;
            return Ok(Verdict::NotMade("the kind cannot be imported"));
        }
        let configuration = match &self.sample.imports_as {
            Some(configuration) => driver.complete(configuration)?,
            None => configuration,
        };
        let imported = self.import_once(&driver, &id, &configuration).await;
        self.delete(&driver, &object).await?;
        imported?;
        Ok(Verdict::Passed)
    }

    async fn import_once(&self, driver: &Driver, id: &str, configuration: &Value) -> Result<(), String> {
        let imported = driver.import(id).await?;
        let [one] = imported.as_slice() else {
            return Err(format!("{} objects were imported", imported.len()));
        };
        if one.kind != driver.kind {
            return Err(format!("an object of kind {} was imported", one.kind));
        }
        driver.require_no_change(&driver.read_found(&one.object).await?, configuration).await
    }

    async fn bad_attributes(&self) -> Outcome {
        if self.sample.bad.is_empty() {
            return Ok(Verdict::NotMade("no bad attributes in the sample"));
        }
        for (configuration, path) in &self.sample.bad {
            self.bad_attribute(configuration, path).await.map_err(|why| format!("{path}: {why}"))?;
        }
        Ok(Verdict::Passed)
    }

    async fn bad_attribute(&self, configuration: &Value, path: &Path) -> Result<(), String> {
        let driver = self.open().await?;
        let configuration = driver.complete(configuration)?;
        let mut findings = driver.provider.validate_resource(&driver.kind, &configuration);
        let null = Value::null(driver.schema.block.implied_type());
        let mut refusal = None;
        if !findings.has_errors() {
            match driver.plan(&null, &configuration).await {
                Ok(planned) => findings.append(planned.diagnostics),
                Err(error) => refusal = Some(error),
            }
        }
        if refusal.is_none() && !findings.has_errors() {
            let mut request = driver.plan_create(&configuration).await?;
            request.token = new_token();
            match driver.apply_until_answered(&request).await {
                Err(error) => refusal = Some(error),
                answer => {
                    let made = driver.finish(&request, answer).await?;
                    self.delete(&driver, &made).await?;
                    return Err("the bad attribute was accepted".to_owned());
                }
            }
        }
        let mut places: Vec<String> =
            findings.iter().filter(|one| one.is_error()).filter_map(|one| one.attribute.clone()).collect();
        places.extend(refusal.and_then(|error| error.path).map(|path| path.to_string()));
        let expected = path.to_string();
        if places.iter().any(|place| place.starts_with(&expected)) {
            return Ok(());
        }
        Err(format!("the refusal names {places:?}"))
    }
}

fn require_same(expected: &Value, found: &Value) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("another object came back: {} differ", differing(expected, found).join(", ")))
}

async fn require_gone(driver: &Driver, object: &Value) -> Result<(), String> {
    match driver.read(std::slice::from_ref(object)).await?.as_slice() {
        [Reading::Gone] => Ok(()),
        _ => Err("a read does not find it gone".to_owned()),
    }
}

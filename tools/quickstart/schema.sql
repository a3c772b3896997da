-- SPDX-License-Identifier: MIT
-- Two schemas after the shape of what BizTalk Server keeps: a MessageBox, in
-- which each message is stored, queued for its subscribers and taken out
-- again; and a BAM Primary Import database, in which milestones of business
-- activities gather.  Only the shape: small, and PostgreSQL's own.

CREATE SCHEMA messagebox;

CREATE TABLE messagebox.spool (
	message_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	message_type text NOT NULL,
	received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	body        bytea NOT NULL
);

CREATE TABLE messagebox.subscription (
	subscription_id int PRIMARY KEY,
	host         text NOT NULL,
	message_type text NOT NULL
);

-- The queue of each host: one row a message and subscriber.
CREATE TABLE messagebox.host_queue (
	queue_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	subscription_id int NOT NULL
		REFERENCES messagebox.subscription,
	message_id  bigint NOT NULL REFERENCES messagebox.spool,
	priority    int NOT NULL DEFAULT 5
);
CREATE INDEX host_queue_next
	ON messagebox.host_queue (subscription_id, priority, queue_id);
CREATE INDEX host_queue_message ON messagebox.host_queue (message_id);

CREATE TABLE messagebox.tracking (
	message_id  bigint NOT NULL,
	subscription_id int NOT NULL,
	event       text NOT NULL,
	at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX tracking_message ON messagebox.tracking (message_id);

INSERT INTO messagebox.subscription
	SELECT i, 'host' || i % 4, 'type' || i % 8
	FROM generate_series(0, 15) AS i;

CREATE SCHEMA bam;

CREATE TABLE bam.order_active (
	activity_id bigint PRIMARY KEY,
	customer    int NOT NULL,
	received    timestamptz NOT NULL,
	approved    timestamptz,
	amount      numeric(12, 2) NOT NULL
);

CREATE TABLE bam.order_completed (
	activity_id bigint PRIMARY KEY,
	customer    int NOT NULL,
	received    timestamptz NOT NULL,
	approved    timestamptz NOT NULL,
	shipped     timestamptz NOT NULL,
	amount      numeric(12, 2) NOT NULL
);
CREATE INDEX order_completed_customer
	ON bam.order_completed (customer, shipped);

CREATE SEQUENCE bam.activity;

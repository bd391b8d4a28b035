// Submits jobs and awaits their results, with amqp091-go: see ../python/claims.py for what makes it safe.
//
// usage: claims BROKER_URL JOBS_QUEUE REPLY_QUEUE < jobs.jsonl
//
// Money in results is text: keep it as text or as a decimal, never as a float64.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

type claims struct {
	url, jobsQueue, replyQueue string
	// Keep it with the claim: it is part of what makes a message the same when it is sent again.
	submittedAt time.Time
	jobs        []job
	// The jobs without a result, by job_id.
	waiting map[string]bool
	// The results that were used, by message_id.
	seen map[string]bool
}

type job struct {
	id   string
	body []byte
}

type result struct {
	JobID   string `json:"job_id"`
	Status  string `json:"status"`
	Verdict string `json:"verdict"`
	Error   struct {
		Code string `json:"code"`
	} `json:"error"`
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: claims BROKER_URL JOBS_QUEUE REPLY_QUEUE < jobs.jsonl")
	}
	c := &claims{
		url: os.Args[1], jobsQueue: os.Args[2], replyQueue: os.Args[3],
		submittedAt: time.Now(), waiting: map[string]bool{}, seen: map[string]bool{},
	}
	if err := c.read(); err != nil {
		log.Fatal(err)
	}
	for len(c.waiting) > 0 {
		if err := c.oneConnection(); err != nil {
			log.Printf("connection lost, trying again: %v", err)
			time.Sleep(time.Second)
		}
	}
}

func (c *claims) read() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		// A copy: the scanner uses its memory again for the next line.
		body := append([]byte(nil), lines.Bytes()...)
		var named struct {
			JobID string `json:"job_id"`
		}
		if err := json.Unmarshal(body, &named); err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
		c.jobs = append(c.jobs, job{named.JobID, body})
		c.waiting[named.JobID] = true
	}
	return lines.Err()
}

// Submits what has no result, and takes results until none is missing or the connection is lost.
func (c *claims) oneConnection() error {
	connection, err := amqp.Dial(c.url)
	if err != nil {
		return err
	}
	defer connection.Close()
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	if err := channel.Confirm(false); err != nil {
		return err
	}
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	quorum := amqp.Table{"x-queue-type": "quorum"}
	if _, err := channel.QueueDeclare(c.replyQueue, true, false, false, false, quorum); err != nil {
		return err
	}
	for _, job := range c.jobs {
		if c.waiting[job.id] {
			if err := c.submit(channel, job, returned); err != nil {
				return err
			}
		}
	}
	if err := channel.Qos(50, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(c.replyQueue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for len(c.waiting) > 0 {
		delivery, open := <-deliveries
		if !open {
			return errors.New("the broker ended the channel")
		}
		if err := c.take(delivery); err != nil {
			return err
		}
		if err := delivery.Ack(false); err != nil {
			return err
		}
	}
	return nil
}

func (c *claims) submit(channel *amqp.Channel, job job, returned <-chan amqp.Return) error {
	within, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	message := amqp.Publishing{
		ContentType:   "application/json",
		DeliveryMode:  amqp.Persistent,
		ReplyTo:       c.replyQueue,
		MessageId:     job.id,
		CorrelationId: job.id,
		Timestamp:     c.submittedAt,
		Body:          job.body,
	}
	confirm, err := channel.PublishWithDeferredConfirmWithContext(within, "", c.jobsQueue, true, false, message)
	if err != nil {
		return err
	}
	if !confirm.Wait() {
		return errors.New("not confirmed: the queue is full, or the connection was lost")
	}
	// A message without a queue is returned first, and confirmed all the same.
	select {
	case message, open := <-returned:
		if open {
			log.Fatalf("no queue %s: %s", message.RoutingKey, message.ReplyText)
		}
	default:
	}
	return nil
}

func (c *claims) take(delivery amqp.Delivery) error {
	if delivery.Type != "invoice.result" || c.seen[delivery.MessageId] {
		return nil
	}
	var answer result
	if err := json.Unmarshal(delivery.Body, &answer); err != nil {
		return err
	}
	// In a pipeline: one transaction with the row that the result belongs in. See ../sql/results.sql.
	c.seen[delivery.MessageId] = true
	if c.waiting[delivery.CorrelationId] {
		delete(c.waiting, delivery.CorrelationId)
		fmt.Println(answer.JobID, answer.Status, orNone(answer.Verdict), orNone(answer.Error.Code))
	}
	return nil
}

// A null of JSON leaves the empty text.
func orNone(text string) string {
	if text == "" {
		return "None"
	}
	return text
}

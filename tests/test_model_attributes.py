"""The attribute reader's network: what it takes, what its loss counts, and that it keeps."""

import pytest
import torch

from lineament.model.attributes import (
    UNKNOWN,
    AttributeReader,
    AttributeReaderConfig,
    age_loss,
    flag_loss,
)


@pytest.fixture
def reader():
    torch.manual_seed(0)
    config = AttributeReaderConfig(
        names=["male", "smile", "beard"], widths=[8, 8, 16, 16], blocks=[1, 1, 1, 1]
    )
    return AttributeReader(config).eval()


def test_one_logit_a_name_and_one_an_age_class(reader):
    output = reader(torch.zeros(2, 3, 112, 112))
    assert output.logits.shape == (2, 3)
    assert output.age_logits.shape == (2, 11)
    assert output.loss is None


def test_unknown_labels_leave_no_trace_in_the_loss(reader):
    pixels = torch.randn(2, 3, 112, 112)
    labels = torch.tensor([[1, UNKNOWN, 0], [0, UNKNOWN, UNKNOWN]])
    ages = torch.full((2, 2), UNKNOWN)
    output = reader(pixels, labels=labels, age_spans=ages)
    output.loss.backward()
    gradient = reader.flag_head.weight.grad
    assert gradient[1].abs().max() == 0
    assert gradient[0].abs().max() > 0
    assert reader.age_head.weight.grad is None


def test_rare_names_weigh_as_much_as_common_ones():
    logits = torch.zeros(4, 2)
    labels = torch.tensor([[1, 1], [1, UNKNOWN], [1, UNKNOWN], [1, UNKNOWN]])
    logits[:, 0], logits[0, 1] = 5.0, -5.0
    loss = flag_loss(logits, labels, labels != UNKNOWN, smoothing=0.0)
    right, wrong = 0.0067, 5.0067
    assert float(loss) == pytest.approx((right + wrong) / 2, abs=1e-3)


def test_a_saved_reader_reads_the_same(reader, tmp_path):
    pixels = torch.randn(1, 3, 112, 112)
    reader.save_pretrained(tmp_path)
    again = AttributeReader.from_pretrained(tmp_path).eval()
    assert torch.equal(again(pixels).logits, reader(pixels).logits)
    assert tuple(again.config.names) == ("male", "smile", "beard")


def test_a_label_of_several_age_classes_is_met_by_any_of_them():
    logits = torch.tensor([[0.0, 0.0, 40.0, 0.0]])
    assert float(age_loss(logits, torch.tensor([[1, 2]]))) < 1e-6
    assert float(age_loss(logits, torch.tensor([[0, 1]]))) > 10
